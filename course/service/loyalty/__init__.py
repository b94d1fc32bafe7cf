"""A small service, as lesson 93 finds it: a shop that grants loyalty points."""
