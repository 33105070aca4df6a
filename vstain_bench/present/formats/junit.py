"""A verdict as JUnit XML, which most CI systems show as tests: one case per number."""

from xml.etree import ElementTree

from vstain_bench.base.text import printable
from vstain_bench.present.formats.definition import Format, reading, register
from vstain_bench.present.sentences.gate import place, sentence
from vstain_bench.results.verdict import KINDS, Verdict

SKIPPED = ("void", "ignored")


def render(verdict: Verdict) -> str:
    """Return a suite; a failing finding is a failure of its kind, one that was not gated is skipped.

    A gate that compared nothing has an error of its own, since a suite without a failure would be green.
    """
    findings = verdict.findings
    cases = len(findings)
    suites = ElementTree.Element("testsuites", name="vstain-bench gate")
    suite = ElementTree.SubElement(suites, "testsuite", name=verdict.name)
    for each in findings:
        case = ElementTree.SubElement(suite, "testcase", classname=printable(place(each)), name=printable(each.metric))
        case.set("time", "0")
        if each.fails:
            failure = ElementTree.SubElement(case, "failure", type=each.kind, message=printable(sentence(each)))
            failure.text = f"{each.kind}: {KINDS[each.kind]}"
        elif each.kind in SKIPPED:
            ElementTree.SubElement(case, "skipped", message=printable(sentence(each)))
    if not verdict.passed and not verdict.failing:
        cases += 1
        case = ElementTree.SubElement(suite, "testcase", classname="gate", name="something was compared", time="0")
        ElementTree.SubElement(case, "error", type="empty", message="no number could be compared")
    for element in (suites, suite):
        element.set("tests", str(cases))
        element.set("failures", str(len(verdict.failing)))
        element.set("errors", str(cases - len(findings)))
        element.set("skipped", str(len(verdict.of("void", "ignored"))))
        element.set("time", "0")
    ElementTree.indent(suites, " ")
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


register(Format("junit", "JUnit XML for the test page of a CI", "xml", reading(Verdict, render), (Verdict,)))
