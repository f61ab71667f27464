"""The ledger, as the rest of the router sees it.

`begin` and `finish` write one line into the journal and return; a thread posts what came
together within `GATHER_S` into the database, in one transaction. Neither ever raises into a
request: what cannot be written is counted and said in the log, and the request goes on.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from router.billing.bill import BilledRequest, Billing
from router.billing.local_cost import LocalCost
from router.billing.prices import Prices
from router.errors import Unavailable
from router.ledger import queries, rows
from router.ledger.accounts import Accounts
from router.ledger.budgets import Budgets
from router.ledger.database import connect, journal_folder, locate, writing
from router.ledger.journal import Journal, Record, encode, lock_folder, take_over
from router.ledger.protected import ProtectedStore
from router.ledger.queries import Filter, Row
from router.ledger.rate_limited_log import RateLimitedLog
from router.ledger.retention import cutoff, prune
from router.ledger.tables import feedback, requests
from router.ledger.turns import select_main
from router.ledger.writer import post, upsert_verdict
from router.settings import Settings
from router.types import Outcome, Plan

GATHER_S = 0.05
"""How long records gather before they are posted together."""
RETRY_S = 1.0
"""How long to wait after the database refused a post."""
PRUNE_S = 3600.0
"""How often rows that are old enough are looked for."""


class LedgerStore:
    """Implements `router.types.Ledger`, and what is read from it. Made by `open`."""

    def __init__(self, engine: sa.Engine, journal: Journal | None, billing: Billing) -> None:
        self._engine = engine
        self.accounts = Accounts(engine)
        self.budgets = Budgets(engine)
        self.protected = ProtectedStore(engine)
        self.on_billed: Callable[[Sequence[BilledRequest]], None] = _ignore
        """Called with bills once they are committed, on the thread that posts; must not raise."""
        self._journal = journal
        self._billing = billing
        self._secret = secrets.token_bytes(32)  # of digests: never written, gone with the process
        self._log = RateLimitedLog()
        self._posting = threading.Lock()
        self._pending = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._post_continuously, name="ledger", daemon=True)
        self._pruning: threading.Thread | None = None
        if journal is not None:
            self._thread.start()

    @classmethod
    def open(
        cls,
        location: str | Path = "",
        *,
        prices: Prices,
        cloud_model: str = "",
        local_cost: LocalCost | None = None,
        keep_days: int = 0,
        write: bool = True,
    ) -> Self:
        """Open a ledger, bring it to this version, and post what dead processes left.

        Args:
            location: Path of a SQLite file, or a database URL; empty for the user's data folder.
            prices: What tokens cost.
            cloud_model: What a client gets that names no model with a price, for the baseline.
            local_cost: What the local model's work costs; None where that is not configured.
            keep_days: Rows older than this are removed now and then; 0 keeps them for good.
            write: False to read and to manage keys only: no journal, no thread.

        Raises:
            Misconfigured: it cannot be opened; the message names the setting and the remedy.
        """
        url = locate(location)
        folder = journal_folder(url)
        with lock_folder(folder):
            engine = connect(url)
            store = cls(engine, Journal(folder) if write else None, Billing(prices, cloud_model, local_cost))
            try:
                with take_over(folder) as (records, under_way):
                    now = time.time()
                    cut_off: list[Record] = [
                        ("finish", rows.cut_off(request_id, values, now))
                        for request_id, values in under_way.items()
                    ]
                    store._post([*records, *cut_off])
            except sa.exc.SQLAlchemyError as error:  # the segments stay for the next who opens
                store._log.post_failed(error)
        if write and keep_days:
            store._pruning = threading.Thread(
                target=store._prune_continuously, args=(keep_days,), name="ledger-retention", daemon=True
            )
            store._pruning.start()
        return store

    @classmethod
    def of(cls, settings: Settings, *, write: bool = True) -> Self:
        """Open the ledger that `settings` name, with their prices; see `open`."""
        return cls.open(
            settings.ledger,
            prices=Prices(settings.prices),
            cloud_model=settings.cloud.model,
            local_cost=LocalCost.of(settings.local),
            keep_days=settings.ledger_keep_days,
            write=write,
        )

    @property
    def engine(self) -> sa.Engine:
        """The database, for `router.ledger.queries` and for management."""
        return self._engine

    @property
    def lost(self) -> int:
        """How many records could not be written since the start; the log says why."""
        return self._log.lost

    def begin(self, plan: Plan) -> None:
        """Write the row; on return it survives `kill -9`. Never raises."""
        try:
            values = rows.begun(plan, time.time(), self._secret)
            # No column: what is charged should this process end before the request does.
            values["reserved_usd"] = self.budgets.reserved(plan.request.id)
            self._append(("begin", values))
        except Exception as error:  # a request is served whether or not it can be written down
            self._log.record_lost(error)

    def move(self, request_id: str) -> None:
        """Note that a request goes on to the cloud; on return that survives `kill -9`. Never raises."""
        try:
            reserved = self.budgets.reserved(request_id)
            self._append(("move", {"id": request_id, "track": "cloud", "reserved_usd": reserved}))
        except Exception as error:  # as above
            self._log.record_lost(error)

    def finish(self, request_id: str, outcome: Outcome) -> None:
        """Complete the row; on return that survives `kill -9`. Never raises."""
        try:
            finished = rows.finished(request_id, outcome, time.time())
            # No column: what budgets are charged should the price be unknown when this is posted.
            finished["reserved_usd"] = self.budgets.reserved(request_id)
            self._append(("finish", finished))
        except Exception as error:  # as above
            self._log.record_lost(error)
            self.budgets.mark_lost(request_id)

    def flush(self) -> bool:
        """Post everything now; False if the database refused it: the journal keeps it then."""
        try:
            while self._post_segment():
                pass
        except (sa.exc.SQLAlchemyError, OSError) as error:
            self._log.post_failed(error)
            return False
        return True

    def close(self) -> None:
        """Post everything and close; what the database refuses is posted when the ledger is next opened."""
        if self._journal is not None and not self._closed.is_set():
            self._closed.set()
            self._pending.set()
            self._thread.join()
            if self._pruning is not None:
                self._pruning.join()
            if self.flush():
                self.budgets.close()
            self._journal.close()
        self._engine.dispose()

    def row(self, request_id: str) -> Row | None:
        """Read one request's row as the database has it."""
        with self._engine.connect() as connection:
            return queries.request(connection, request_id)

    def recent(self, limit: int, team: str | None = None) -> list[Row]:
        """Read the newest rows, newest first; of one team where it is named."""
        with self._engine.connect() as connection:
            return list(queries.recent(connection, Filter(team=team), limit=limit).rows)

    def count(self) -> int:
        """Return how many requests there are."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(requests)).scalar_one()

    def judge(self, request_id: str, verdict: str, *, team: str, user: str) -> bool:
        """Write what `user` says of a request; the last verdict counts.

        Returns:
            False where `team` made no such request.

        Raises:
            Unavailable: the database cannot be written now.
        """
        request = self.row(request_id)
        if request is None and self.flush():  # its row may still lie in the journal
            request = self.row(request_id)
        if request is None or request["team"] != team:
            return False
        row = {"request_id": request_id, "team": team, "user": user, "verdict": verdict, "at": time.time()}
        try:
            with self._engine.begin() as connection:
                upsert_verdict(connection, row)
        except sa.exc.OperationalError as error:
            raise Unavailable("the ledger cannot be written now; try again") from error
        return True

    def verdicts(self, team: str | None = None) -> dict[str, str]:
        """Read what people said, by request; of one team where it is named."""
        query = sa.select(feedback.c.request_id, feedback.c.verdict)
        if team is not None:
            query = query.where(feedback.c.team == team)
        with self._engine.connect() as connection:
            return {row.request_id: row.verdict for row in connection.execute(query)}

    def main_rows(self, team: str | None = None, since: float | None = None) -> Iterator[Row]:
        """Read the rows of conversations' main loops, each conversation's together, oldest first.

        Args:
            team: Of one team; None for all.
            since: Only what began at or after this time, in seconds since the epoch.
        """
        query = select_main().where(*Filter(team=team, since=since).clauses())
        with self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=1000).execute(query).mappings()

    def _append(self, record: Record) -> None:
        if self._journal is None:
            raise RuntimeError("the ledger was opened for reading only")
        try:
            line = encode(record)
        except (ValueError, OverflowError):  # half a character, a number too large for JSON here
            what, values = record
            line = encode((what, rows.storable(values)))
        self._journal.append(line)
        if not self._pending.is_set():  # looking is ten times cheaper than setting
            self._pending.set()

    def _post_continuously(self) -> None:
        while not self._closed.is_set():
            self._pending.wait()
            self._closed.wait(GATHER_S)
            self._pending.clear()
            try:
                if self._post_segment():
                    self._pending.set()  # more may lie in the other segment
            except Exception as error:  # this thread must outlive whatever a database does
                self._log.post_failed(error)
                self._pending.set()
                self._closed.wait(RETRY_S)

    def _prune_continuously(self, keep_days: int) -> None:
        while not self._closed.is_set():
            try:
                before = cutoff(keep_days, time.time())
                prune(self._engine, before, pause=self._closed.wait)
                self.protected.prune(before)
            except Exception as error:  # as above
                self._log.prune_failed(error)
            self._closed.wait(PRUNE_S)

    def _post_segment(self) -> bool:
        """Post one segment; False where there was nothing to post."""
        if self._journal is None:
            return False
        with self._posting:
            segment = self._journal.swap()
            if not segment.size:
                return False
            records = segment.records()
            self._post(records)
            self._journal.note_open(records)
            segment.clear()
            return True

    def _post(self, records: list[Record]) -> None:
        """Commit all of `records`; those whose values no database takes are left out.

        Raises:
            SQLAlchemyError: the database could not take anything.
        """
        if not records:
            return
        try:
            with writing(self._engine) as connection:
                spent = post(connection, records, self._billing)
                billed = {request.id for request in spent}
                ended = (values["id"] for what, values in records if what == "finish")
                # An end without a row: its beginning got lost, and its bill with it.
                forfeits = self.budgets.forfeit(of for of in ended if of not in billed)
                self.budgets.charge(connection, (*spent, *forfeits))
        except Exception as error:  # the next line tells which kind it is
            if _is_temporary(error):
                raise
            if len(records) == 1:
                self._log.record_lost(error)
                what, values = records[0]
                if what == "finish" and "id" in values:  # a damaged record may have none
                    self.budgets.mark_lost(values["id"])
                return
            half = len(records) // 2
            self._post(records[:half])
            self._post(records[half:])
        else:
            self.budgets.settle((*spent, *forfeits))
            self.on_billed(spent)


def _ignore(_: Sequence[BilledRequest]) -> None:
    """Do nothing with the bills."""


def _is_temporary(error: Exception) -> bool:
    """Whether the database is in trouble and may recover, rather than refusing these values for good."""
    if isinstance(error, sa.exc.DataError | sa.exc.IntegrityError):
        return False
    return isinstance(error, sa.exc.DBAPIError | sa.exc.TimeoutError | OSError)
