"""How much of a model's score is left when sensors fail: a grid of faults and severities, mCE and mRR."""
