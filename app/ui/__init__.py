"""What all pages share: texts, forms, lists, error pages."""
