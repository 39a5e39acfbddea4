"""From settings to what will be done: the dataset, its splits, the components, the plan; before torch is imported."""
