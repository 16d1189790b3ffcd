"""What people look at: lists, searches, a person, the dashboards; always through `access`."""
