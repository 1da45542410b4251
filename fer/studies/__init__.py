"""What the runs of a study say together: factors, their effects, curves, and the line on top of the experiment."""
