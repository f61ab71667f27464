"""The scheduler with the real model and a window so small that cells run out."""

import queue
import threading

import pytest

from router.engine import catalog
from router.engine.errors import QueueFull
from router.engine.jobs import PRIORITIES, Finished, Job, Piece, Started
from router.engine.model import Model, Sampling
from router.engine.sampler import GrammarInvalid, Sampler
from router.engine.scheduler import Scheduler
from router.errors import BadRequest

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def model():
    return Model(catalog.resolve("").path, context=256, gpu_layers=0, threads=1, batch=64, sequences=3)


@pytest.fixture
def scheduler(model):
    scheduler = Scheduler(model, slots=3, parallel=2, queue_limit=4)
    yield scheduler
    scheduler.stop()


class Client:
    """Submits one prompt and collects what comes."""

    def __init__(
        self, model, scheduler, text, *, limit=8, grammar="", priority=PRIORITIES["chat"], prompt=""
    ):
        self.events = queue.Queue()
        tokens = model.tokenize(text, start=True)
        self.size = len(tokens)
        self.order = None
        self.job = Job(
            tokens=tokens,
            limit=limit,
            sampler=Sampler(model, GREEDY, grammar),
            emit=self.events.put,
            priority=priority,
            prompt=prompt,
        )
        scheduler.submit(self.job)

    def result(self):
        text, cached = b"", None
        while True:
            match self.events.get(timeout=30):
                case Started(cached=cached):
                    pass
                case Piece(data=data):
                    text += data
                case Finished() as finished:
                    return text.decode(), cached, finished


def test_answers_together_equal_answers_alone(model, scheduler):
    scheduler.start()
    prompts = ["One, two, three, four,", "The capital of France is", "def add(a, b):\n    return"]
    # Few tokens: how a batch is made up changes the last digits of its logits.
    alone = [Client(model, scheduler, prompt, limit=3).result()[0] for prompt in prompts]
    together = [Client(model, scheduler, prompt, limit=3) for prompt in prompts]
    assert [client.result()[0] for client in together] == alone


def test_the_fitting_prefix_stays_cached_among_others(model, scheduler):
    scheduler.start()
    long = "Red green blue yellow. " * 12
    Client(model, scheduler, long).result()
    Client(model, scheduler, "Something else entirely, in another conversation.").result()
    again = Client(model, scheduler, long + " And then?")
    assert again.result()[1] >= again.size - 5


def test_requests_that_do_not_fit_together_both_finish(model, scheduler):
    """Two answers outgrow the shared cells: one goes back to the queue and goes on where it was."""
    scheduler.start()
    answer = "0123456789" * 11
    clients = [
        Client(model, scheduler, prompt, limit=150, grammar=f'root ::= "{answer}"')
        for prompt in ("red green blue " * 25, "one two three four " * 16)
    ]
    assert sum(client.size + len(answer) for client in clients) > model.context
    assert [client.result()[0] for client in clients] == [answer, answer]


def test_autocomplete_goes_first(model, scheduler):
    ended = []
    clients = {}
    for name, priority in (("chat", "chat"), ("later chat", "chat"), ("completion", "autocomplete")):
        clients[name] = Client(model, scheduler, name, limit=1, priority=PRIORITIES[priority])
        clients[name].job.emit = lambda event, name=name: (
            ended.append(name) if isinstance(event, Finished) else None
        )
    last = Client(model, scheduler, "the end", limit=60)
    scheduler.start()
    last.result()
    assert ended.index("completion") < ended.index("later chat")


@pytest.fixture
def editors(model):
    """One chat at a time, and a slot for a completion."""
    scheduler = Scheduler(model, slots=2, parallel=1, queue_limit=8, completions=1)
    scheduler.warm()
    yield scheduler
    scheduler.stop()


def test_a_completion_has_its_place_while_a_chat_writes(model, editors):
    editors.start()
    answer = "0123456789" * 12
    chat = Client(model, editors, "Count:", limit=150, grammar=f'root ::= "{answer}"')
    assert isinstance(chat.events.get(timeout=30), Started)
    waiting = Client(model, editors, "Another chat", limit=1)
    completion = Client(model, editors, "def add(a, b):", limit=4, priority=PRIORITIES["autocomplete"])
    assert not completion.result()[2].error
    load = editors.load()
    assert (load.running, load.queue) == (1, 1)  # the chat still writes, and the other still waits
    assert [slot.busy for slot in load.completions] == [False]
    assert chat.result()[0] == answer
    assert not waiting.result()[2].error


def test_a_completion_is_read_before_a_long_prompt_goes_on(model, editors):
    """The prompt of a chat takes several chunks; the completion comes in between, and ends before it."""
    order = queue.Queue()
    chat = Client(model, editors, "one two three four " * 40, limit=1)
    chat.job.emit = lambda event: order.put("chat") if isinstance(event, Started) else None
    completion = Client(model, editors, "def add(", limit=2, priority=PRIORITIES["autocomplete"])
    completion.job.emit = lambda event: order.put("completion") if isinstance(event, Finished) else None
    editors.start()
    assert [order.get(timeout=30) for _ in range(2)] == ["completion", "chat"]


def test_the_prefix_of_a_completion_stays_beside_chats(model, editors):
    editors.start()
    typed = "def add(a, b):\n    # sums two numbers\n    ret"
    Client(model, editors, typed, limit=1, priority=PRIORITIES["autocomplete"]).result()
    for text in ("One chat.", "Another one.", "A third."):
        Client(model, editors, text, limit=1).result()
    again = Client(model, editors, typed + "urn", limit=1, priority=PRIORITIES["autocomplete"])
    assert again.result()[1] >= again.size - 4


def test_a_prompt_may_only_be_read(model, editors):
    editors.start()
    ahead = Client(model, editors, "Red green blue", limit=0, priority=PRIORITIES["autocomplete"])
    text, _, finished = ahead.result()
    assert (text, finished.finish, finished.error) == ("", "length", "")
    after = Client(model, editors, "Red green blue yellow", priority=PRIORITIES["autocomplete"])
    assert after.result()[1] >= ahead.size - 1


def test_a_completion_takes_no_cells_of_a_running_chat(model, editors):
    """The demo model has no spare cells: a completion that does not fit beside the chat waits for its end."""
    editors.start()
    ended = queue.Queue()
    answer = "0123456789" * 11
    chat = Client(model, editors, "red green blue " * 30, limit=150, grammar=f'root ::= "{answer}"')
    assert isinstance(chat.events.get(timeout=30), Started)
    chat.job.emit = lambda event: ended.put("chat") if isinstance(event, Finished) else None
    big = Client(model, editors, "one two three " * 60, limit=2, priority=PRIORITIES["autocomplete"])
    big.job.emit = lambda event: ended.put("completion") if isinstance(event, Finished) else None
    assert [ended.get(timeout=60) for _ in range(2)] == ["chat", "completion"]


def test_a_full_queue_refuses(model, scheduler):
    clients = [Client(model, scheduler, "x") for _ in range(4)]
    with pytest.raises(QueueFull, match="try again later") as refused:
        Client(model, scheduler, "x")
    assert (refused.value.status, refused.value.retry_after) == (503, 2)
    assert not isinstance(refused.value, BadRequest)
    for client in clients:
        scheduler.cancel(client.job)
    scheduler.start()
    assert Client(model, scheduler, "x", limit=1).result()[2].error == ""


def test_a_cancelled_request_says_no_more(model, scheduler):
    scheduler.start()
    begun = threading.Event()
    endless = Client(model, scheduler, "Count: 1, 2, 3,", limit=200)
    endless.job.emit = lambda _: begun.set()
    assert begun.wait(timeout=30)
    scheduler.cancel(endless.job)
    Client(model, scheduler, "x", limit=1).result()
    assert scheduler.load().queue == 0


def test_prediction_grows_with_the_queue_and_knows_the_cache(model, scheduler):
    scheduler.warm()
    scheduler.start()
    text = "Red green blue yellow. " * 12
    cached_client = Client(model, scheduler, text)
    cached_client.result()
    cached, soon = scheduler.predict(model.tokenize(text, start=True))
    assert cached == cached_client.size
    fresh, later = scheduler.predict(model.tokenize("9 " * 100, start=True))
    assert fresh < 5
    assert later > soon


def test_a_grammar_holds(model, scheduler):
    scheduler.start()
    text, _, ended = Client(model, scheduler, "Say no:", grammar='root ::= "yes " [0-9]{3}').result()
    assert text.startswith("yes ")
    assert text[4:].isdigit()
    assert not ended.error


def test_a_grammar_that_does_not_compile(model):
    with pytest.raises(GrammarInvalid):
        Sampler(model, GREEDY, "root ::= nowhere")


def test_an_idle_scheduler_waits_for_the_new_part_alone(model, scheduler):
    scheduler.warm()
    scheduler.start()
    text = "Red green blue yellow. " * 12
    Client(model, scheduler, text).result()
    load = scheduler.load()
    assert (load.queue, load.running, load.wait_s) == (0, 0, 0)
    more = model.tokenize(text + " And then, what came next?", start=True)
    cached, wait_s = scheduler.predict(more)
    assert 0 < len(more) - cached < 20
    assert wait_s == pytest.approx((len(more) - cached) / load.prefill_tps, rel=0.2)


def test_a_prompt_goes_by_the_name_that_its_sender_gave(model, scheduler):
    scheduler.start()
    named = Client(model, scheduler, "Name me", prompt="first")
    named.result()
    (held,) = [slot for slot in scheduler.load().slots if slot.prompt]
    assert (held.prompt, held.busy) == ("first", False)
    assert held.tokens >= named.size


def test_a_load_that_is_over_is_forgotten(model):
    now = [0.0]
    scheduler = Scheduler(model, slots=3, parallel=2, queue_limit=4, clock=lambda: now[0])
    scheduler.warm()
    scheduler.start()
    idle = scheduler.load().prefill_tps
    clients = [Client(model, scheduler, f"{at} " + "one two three four " * 12) for at in range(4)]
    for client in clients:
        client.result()
    now[0] += 70 * 60
    assert scheduler.load().prefill_tps >= idle
    fresh = model.tokenize("9 " * 100, start=True)
    cached, wait_s = scheduler.predict(fresh)
    assert wait_s == pytest.approx((len(fresh) - cached) / scheduler.load().prefill_tps)
    scheduler.stop()
