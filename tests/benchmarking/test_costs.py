from fer.benchmarking.costs import ACTIONS, StepProfiler


def test_the_parts_of_a_step_add_up_to_it(clock):
    parts = StepProfiler(clock)
    for step in range(5):
        for number, mark in enumerate(ACTIONS.values(), 1):
            with parts.profile(f"[Something]{mark}"):
                clock.now += number if step >= 2 else 100
        with parts.profile("[Callback]Lines.on_train_batch_end"):
            clock.now += 1
    costs = parts.mean_costs(warmup=2, step_seconds=11)
    assert [value for value, _ in costs.values()] == [1000, 2000, 3000, 4000, 1000]
    assert clock.readings == 2 * 5 * len(ACTIONS)
