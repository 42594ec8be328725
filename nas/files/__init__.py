"""Where the files of studies lie: in a folder, or behind a URL that every machine reaches."""
