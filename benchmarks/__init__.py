"""How the bridge is measured: ratios within one run, against a lower bound, an alternative, or itself."""
