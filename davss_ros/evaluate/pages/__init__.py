"""Pages and charts of reports: one look for all, each page one file that opens without a network."""
