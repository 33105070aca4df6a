"""Tests; this comes before any module of the packages, whose array annotations are checked from here on."""

from tests.shapes import check_shapes

check_shapes()
