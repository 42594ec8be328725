"""Shows: tables, figures and pages made of finished results."""
