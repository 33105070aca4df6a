"""What is shown of each subject: one file each, from values to a document that every format renders."""
