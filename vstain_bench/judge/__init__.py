"""Judgements: values only, no words and no formats."""
