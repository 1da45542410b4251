"""A worker as fer.search starts it, but for its runs: each takes a moment and is worth its learning rate."""

from fer.searching import worker


def train(self, chosen, seed, trial):
    for _ in range(10):
        if self.stopping.wait(0.02):
            raise worker.Interrupted(15)
    return float(chosen[-1].split("=")[1])


worker.Worker.train = train
worker.Worker.check_data = lambda self: None

if __name__ == "__main__":
    worker.main()
