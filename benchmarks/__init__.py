"""What the bridge is measured by: ratios inside one run, against a floor, a rival, or itself."""
