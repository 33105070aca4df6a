"""Networks: one file each; where authors published weights, module names are those of their state dicts."""
