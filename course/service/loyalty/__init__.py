"""A small service, as page 97 finds it: a shop that grants loyalty points."""
