"""A worker as fer.search starts it, but for its runs: each takes a moment and is worth its learning rate.

Where the plan's folder has a file `held`, trials from the number in it on go on only once the file is gone.
"""

from fer.searching import worker


def train(self, chosen, seed, trial):
    for _ in range(10):
        pause(self)
    while held(self.plan, trial.number):
        pause(self)
    return float(chosen[-1].split("=")[1])


def pause(self):
    if self.stopping.wait(0.02):
        raise worker.Interrupted(15)


def held(plan, number):
    try:
        return number >= int((plan.folder / "held").read_text())
    except FileNotFoundError:
        return False


worker.Worker.train = train
worker.Worker.check_data = lambda self: None

if __name__ == "__main__":
    worker.main()
