"""What every other room stands on: names, configuration, files, seeds, devices, printable text."""
