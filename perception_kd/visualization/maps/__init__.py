"""Maps of the ground that distillation works on: what is compared, where it counts, before and after training."""
