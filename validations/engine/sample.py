"""Made-up billing files with known mistakes: realistic in shape, seeded, streamed, and with the truth told.

A clean file gives no error and no warning; a planted one gives exactly the findings of its truth. To keep that
so, every
mistake stands in lines of its own, of patients who appear nowhere else, beside the regular lines of a provider's days.
"""

import csv
import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Literal

from validations.engine.profile import reference_table

Layout = Literal["full", "compact"]

ENCODING = "cp1252"
LABELS = {
    "row_no": "#",
    "invoice_number": "Facture",
    "record_id": "ID RAMQ",
    "service_date": "Date de Service",
    "start_time": "Début",
    "end_time": "Fin",
    "period": "Periode",
    "place": "Lieu de pratique",
    "sector": "Secteur d'activité",
    "diagnosis": "Diagnostic",
    "code": "Code",
    "units": "Unités",
    "role": "Rôle",
    "context": "Élément de contexte",
    "amount": "Montant Preliminaire",
    "amount_paid": "Montant payé",
    "provider": "Doctor Info",
    "agency": "Agence",
    "patient": "Patient",
}
COMPACT = (
    "invoice_number", "record_id", "service_date", "start_time", "end_time", "place", "code", "units", "context",
    "amount", "provider", "patient",
)  # fmt: skip

# RAMQ pays claims within 90 days; a week is left so that a file stays clean for a few days after it was made.
WINDOW_DAYS = 83
DAYS_PER_PROVIDER = 12
SLOTS = tuple(f"{hour:02d}:{minute:02d}" for hour in range(8, 20) for minute in (0, 30))
VISIT_CODES = ("15801", "15802", "15803", "9751", "9752")
WALK_IN_CODES = ("15804", "9751", "9752")
PROCEDURES = ("15837", "15838", "20367", "41501")
SURNAMES = (
    "Tremblay", "Gagnon", "Roy", "Côté", "Bouchard", "Gauthier", "Morin", "Lavoie", "Fortin", "Gagné", "Ouellet",
    "Pelletier", "Bélanger", "Lévesque", "Bergeron", "Leblanc", "Paquette", "Girard", "Simard", "Boucher", "Caron",
    "Beaulieu", "Cloutier", "Dubé", "Poirier", "Fournier", "Lapointe", "Leclerc", "Lefebvre", "Poulin", "Thibault",
    "St-Pierre", "Nadeau", "Martel", "Landry", "Bédard", "Vachon", "Hébert", "Lê", "Ng", "O'Neil", "Désy",
)  # fmt: skip
GIVEN_NAMES = (
    "Marie", "Jean", "Émilie", "Luc", "Zoé", "François", "Chloé", "André", "Noémie", "Étienne", "Léa", "Hélène",
    "Alice", "Benoît", "Rosalie", "Jérôme", "Maël", "Anaïs", "Félix", "Océane", "Joëlle", "Raphaël", "Béatrice",
    "Loïc",
)  # fmt: skip
SPECIALTIES = ("Médecine de famille", "Médecine générale", "Pédiatrie", "Gériatrie")
DIAGNOSES = ("", "", "250", "401", "460", "724", "300", "V70")
SECTORS = ("", "Cabinet", "Clinique réseau")
AGENCIES = ("Facturation Boréale", "Agence Médic")

Row = dict[str, str]
Shape = Literal["whole", "blank", "quote", "extra", "missing", "cut", "lost", "split", "doubled"]


@dataclass(frozen=True, slots=True)
class Planted:
    """One mistake in the file: the code a check gives it, its physical line, its field (None: the whole line)."""

    code: str
    line: int
    field: str | None


@dataclass(slots=True)
class Truth:
    """What was written."""

    rows: int = 0
    planted: list[Planted] = field(default_factory=list)

    def write(self, stream: IO[str]) -> None:
        """Write the truth as JSON."""
        entries = [{"code": p.code, "line": p.line, "field": p.field} for p in self.planted]
        json.dump({"rows": self.rows, "errors": entries}, stream, ensure_ascii=False)
        stream.write("\n")


@dataclass(slots=True)
class Line:
    """One line to come, with what is wrong with it."""

    row: Row
    code: str = ""
    field: str | None = None
    shape: Shape = "whole"
    skips_number: bool = False


@dataclass(slots=True)
class Day:
    """One provider's day while it is written."""

    provider: str
    place: str
    on: date
    minutes: int = 0
    used: set[str] = field(default_factory=set)


def write_sample(
    path: Path,
    rows: int,
    error_rate: float,
    seed: int,
    *,
    today: date | None = None,
    layout: Layout = "full",
) -> Truth:
    """The truth about the file now at `path`: `rows` lines, about `error_rate` of them with a mistake.

    Units: `today` is the day the file is made for; its services lie in the weeks before.
    """
    day = today or datetime.now(UTC).date()
    with path.open("w", encoding=ENCODING, newline="") as stream:
        return stream_sample(stream, rows, error_rate, seed, today=day, layout=layout)


def stream_sample(
    stream: IO[str], rows: int, error_rate: float, seed: int, *, today: date, layout: Layout = "full"
) -> Truth:
    """The truth about the file now in `stream`; see `write_sample`."""
    return _Writer(stream, layout).write(_Generator(seed, today, error_rate, layout), rows)


class _Writer:
    """Puts bundles of lines into the file and notes where the planted ones came to stand."""

    def __init__(self, stream: IO[str], layout: Layout) -> None:
        self.fields = tuple(LABELS) if layout == "full" else COMPACT
        self.stream = stream
        self.rows = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        self.line = 1
        self.number = 0
        self.truth = Truth()

    def write(self, generator: "_Generator", rows: int) -> Truth:
        """Write until there are `rows` data rows; a bundle that no longer fits gives way to single lines."""
        self.rows.writerow([LABELS[name] for name in self.fields])
        bundles = generator.bundles()
        while self.truth.rows < rows:
            bundle = next(bundles)
            if self.truth.rows + len(bundle) > rows:
                bundle = [Line(generator.filler()) for _ in range(rows - self.truth.rows)]
            for line in bundle:
                self._put(line)
            generator.written = self.truth.rows
        return self.truth

    def _put(self, line: Line) -> None:
        self.line += 1
        if line.shape == "blank":
            self.stream.write("\r\n")
            self._note(line)
            self.line += 1
        self.number += 2 if line.skips_number else 1
        line.row["row_no"] = str(self.number)
        cells = [line.row[name] for name in self.fields]
        if line.shape == "quote":
            self.stream.write(";".join(cells) + "\r\n")
        else:
            self.rows.writerow(_ragged(cells, line.shape, self.fields))
        self.truth.rows += 1
        if line.shape != "blank":
            self._note(line)

    def _note(self, line: Line) -> None:
        if line.code:
            self.truth.planted.append(Planted(line.code, self.line, line.field))


def _ragged(cells: list[str], shape: Shape, fields: tuple[str, ...]) -> list[str]:
    """The cells of a row with too many or too few, where the shape is one of those."""
    match shape:
        case "extra":
            return [*cells, "x"]
        case "missing":
            return cells[:-1]
        case "cut":
            return cells[:-3]
        case "lost":
            place = fields.index("service_date")
            return cells[:place] + cells[place + 1 :]
        case "split":
            place = fields.index("provider")
            return [*cells[:place], *cells[place].split(",", 1), *cells[place + 1 :]]
        case "doubled":
            place = fields.index("service_date")
            return [*cells[:place], "", *cells[place:]]
        case _:
            return cells


class _Generator:
    """Providers one after the other, each with its days, each day with its invoices; memory holds one provider."""

    def __init__(self, seed: int, today: date, error_rate: float, layout: Layout) -> None:
        self.random = random.Random(seed)  # noqa: S311 - made-up data, the same for the same seed
        self.today = today
        self.error_rate = error_rate
        self.written = 0
        self.planted = 0
        self.invoice = self.random.randrange(100_000_000, 200_000_000)
        self.record = self.random.randrange(10_000_000_000, 20_000_000_000)
        self.patients = self.random.randrange(1_000_000)
        self.tariff = {row[0]: int(row[2]) for row in reference_table("quebec-codes")[1]}
        places = [row[0] for row in reference_table("quebec-places")[1]]
        self.offices = [place for place in places if place.startswith("5")]
        self.others = [place for place in places if not place.startswith("5")]
        self.plants = _plants(layout)
        self.deck: list[_Plant] = []
        self.days = _working_days(today)
        self.day = Day("", self.offices[0], self.days[0])

    def bundles(self) -> Iterator[list[Line]]:
        """Lines that belong together, without end."""
        number = 0
        while True:
            number += 1
            yield from self._provider(number)

    def filler(self) -> Row:
        """One line that is right and touches nothing else."""
        return self.row(self.patient(), self.random.choice(WALK_IN_CODES), context="G160")

    def _provider(self, number: int) -> Iterator[list[Line]]:
        choose = self.random.choice
        name = f"{choose(SURNAMES)} {choose(GIVEN_NAMES)}"
        text = f"{1_000_000 + number}-{self.random.randrange(10_000, 99_999)}, {name}, {choose(SPECIALTIES)}"
        place = choose(self.others) if self.random.random() < 0.1 else choose(self.offices)
        panel = [self.patient() for _ in range(60)]
        supplements: set[tuple[str, int]] = set()
        annuals: set[tuple[str, int]] = set()
        for on in sorted(self.random.sample(self.days, DAYS_PER_PROVIDER)):
            self.day = Day(text, place, on)
            for bundle in self._day(panel, supplements, annuals):
                yield bundle
                yield from self._due_plants()

    def _day(
        self, panel: list[str], supplements: set[tuple[str, int]], annuals: set[tuple[str, int]]
    ) -> Iterator[list[Line]]:
        """A day's visits in the order of the clock, then its fee."""
        registered = self.random.sample(panel, len(SLOTS))
        seen = 0
        for slot, patient in zip(SLOTS, registered, strict=True):
            kind = self.random.random()
            if kind < 0.35:
                yield [Line(self.visit(self.patient(), self.random.choice(WALK_IN_CODES), slot, "walk-in"))]
            elif kind < 0.42 and self.day.minutes <= 90:
                yield self._intervention(patient, slot)
            elif kind < 0.46 and (patient, self.day.on.year) not in annuals:
                annuals.add((patient, self.day.on.year))
                yield [Line(self.visit(patient, self.random.choice(("15815", "15825", "15826")), slot, ""))]
            else:
                seen += 1
                yield self._registered_visit(patient, slot, supplements)
        if self.day.place.startswith("5") and seen >= 6:
            self.day.used |= {"large-fee"} if seen >= 12 else set()
            yield [Line(self.row(registered[0], "19929" if seen >= 12 else "19928"))]

    def _registered_visit(self, patient: str, slot: str, supplements: set[tuple[str, int]]) -> list[Line]:
        rows = [self.visit(patient, self.random.choice(VISIT_CODES), slot, "")]
        key = (patient, self.day.on.year)
        if key not in supplements:
            supplements.add(key)
            rows.append(self.same_invoice(rows[0], "8875"))
        if self.random.random() < 0.5:
            rows.append(self.same_invoice(rows[0], self.random.choice(PROCEDURES)))
        return [Line(row) for row in rows]

    def _intervention(self, patient: str, slot: str) -> list[Line]:
        first = self.visit(patient, "8857", slot, "", minutes=30)
        units = self.random.choice((0, 5, 10, 15))
        self.day.minutes += 30 + units
        further = [self.same_invoice(first, "8859", units=units)] if units else []
        return [Line(row) for row in (first, *further)]

    def _due_plants(self) -> Iterator[list[Line]]:
        """As many planted bundles as the rate asks for by now; kinds that do not fit this day wait for another."""
        waiting: list[_Plant] = []
        while self.planted + 1 <= self.error_rate * (self.written + 1):
            if not self.deck:
                self.deck = [p for p in self.random.sample(self.plants, len(self.plants)) if p not in waiting]
            plant = self.deck.pop()
            bundle = plant(self)
            if bundle is None:
                waiting.append(plant)
                continue
            self.planted += sum(1 for line in bundle if line.code)
            yield bundle
        self.deck += waiting

    def patient(self) -> str:
        """A patient nobody else is: the birth date and the running number come from one counter."""
        self.patients += 1
        surname, given = self.random.choice(SURNAMES), self.random.choice(GIVEN_NAMES)
        births, number = divmod(self.patients, 100)
        births, day = divmod(births, 28)
        births, month = divmod(births, 12)
        births, year = divmod(births, 80)
        month += 51 if births % 2 else 1
        letters = fold_letters(surname)[:3].ljust(3, "X") + fold_letters(given)[:1]
        return f"{letters}{(year + 20) % 100:02d}{month:02d}{day + 1:02d}{number:02d} {surname}, {given}"

    def visit(self, patient: str, code: str, slot: str, context: str, minutes: int = 0) -> Row:
        hour, minute = int(slot[:2]), int(slot[3:])
        end = hour * 60 + minute + (minutes or self.random.choice((15, 20, 25)))
        contexts = ("G160", "AR", "G160,URG", "#AR") if context else ("", "", "TELE", "MTA13")
        row = self.row(patient, code, context=self.random.choice(contexts))
        row["start_time"], row["end_time"] = slot, f"{end // 60:02d}:{end % 60:02d}"
        return row

    def row(self, patient: str, code: str, *, context: str = "", units: int = 1) -> Row:
        """One line of a new invoice, without times."""
        self.invoice += 1
        year, week, _ = self.day.on.isocalendar()
        row = {
            "invoice_number": f"{self.invoice:09d}",
            "service_date": self.day.on.isoformat(),
            "start_time": "",
            "end_time": "",
            "period": f"{year}{week:02d}",
            "place": self.day.place,
            "sector": self.random.choice(SECTORS),
            "diagnosis": self.random.choice(DIAGNOSES),
            "role": "1",
            "context": context,
            "provider": self.day.provider,
            "agency": AGENCIES[self.invoice % len(AGENCIES)],
            "patient": patient,
        }
        return self._billed(row, code, units)

    def same_invoice(self, first: Row, code: str, *, units: int = 1) -> Row:
        return self._billed(dict(first), code, units)

    def _billed(self, row: Row, code: str, units: int) -> Row:
        """The row as a line of its own for this code."""
        self.record += 1
        amount = self.tariff[code] * units
        row |= {"record_id": f"{self.record:011d}", "code": code, "units": str(units)}
        row["amount"] = row["amount_paid"] = f"{amount // 100},{amount % 100:02d}"
        return row


def fold_letters(name: str) -> str:
    """The letters of a name as capitals without accents: `St-Onge` gives `STONGE`."""
    decomposed = unicodedata.normalize("NFKD", name.upper())
    return "".join(c for c in decomposed if "A" <= c <= "Z")


def _working_days(today: date) -> list[date]:
    days = [today - timedelta(days=back) for back in range(1, WINDOW_DAYS + 1)]
    return [day for day in days if day.weekday() < 5]


_Plant = Callable[[_Generator], list[Line] | None]


def _plants(layout: Layout) -> list[_Plant]:
    """Every kind of mistake this layout can hold."""
    plants: list[_Plant] = [
        _cell_plant(*mistake) for mistake in _CELLS if layout == "full" or mistake[1] in COMPACT
    ]
    plants += [_shape_plant(code, shape) for code, shape in _SHAPES]
    plants += [*_GROUPS, *([_sequence] if layout == "full" else [])]
    return plants


def _single(g: _Generator, code: str = "15804") -> Row:
    """A right line of a patient of its own, without times."""
    return g.row(g.patient(), code, context="G160")


def _required_cell(field_name: str) -> "_Mistake":
    return ("required", field_name, lambda row, g: "")


def _late(row: Row, g: _Generator) -> str:
    return (g.today - timedelta(days=g.random.randrange(100, 300))).isoformat()


def _future(row: Row, g: _Generator) -> str:
    return (g.today + timedelta(days=g.random.randrange(1, 60))).isoformat()


def _other_month(row: Row, g: _Generator) -> str:
    """The health number with a month that is none."""
    return row["patient"][:6] + g.random.choice(("13", "50", "63", "00")) + row["patient"][8:]


def _other_name(row: Row, g: _Generator) -> str:
    """The health number with letters that begin no surname of the list."""
    return "QZX" + row["patient"][3:]


_Mistake = tuple[str, str, Callable[[Row, _Generator], str]]
_CELLS: tuple[_Mistake, ...] = (
    *(
        _required_cell(name)
        for name in ("invoice_number", "record_id", "service_date", "code", "place", "provider", "patient")
    ),
    ("id-format", "invoice_number", lambda row, g: row["invoice_number"][:8]),
    ("id-format", "record_id", lambda row, g: "1,56E+10"),
    (
        "date-format",
        "service_date",
        lambda row, g: g.random.choice(("2026-02-30", "2025-13-01", "31/12/2025", "hier")),
    ),
    ("date-window", "service_date", _future),
    ("date-window", "service_date", _late),
    ("time-format", "start_time", lambda row, g: g.random.choice(("25:10", "9h75", "midi"))),
    ("money-format", "amount", lambda row, g: row["amount"].replace(",", ".")),
    ("money-format", "amount", lambda row, g: g.random.choice(("47,055", "abc", "1e400", "NaN", "12"))),
    ("money-range", "amount", lambda row, g: g.random.choice(("5000,01", "227500,00"))),
    ("patient-id", "patient", _other_month),
    ("patient-id", "patient", _other_name),
    ("code-known", "code", lambda row, g: g.random.choice(("99999", "15805", "1234"))),
    ("code-known", "code", lambda row, g: "30512"),
    ("place-known", "place", lambda row, g: "59998"),
    ("context-known", "context", lambda row, g: g.random.choice(("G160,ZZTOP", "STARR,AR", "#G160,G16O"))),
    ("type-error", "units", lambda row, g: g.random.choice(("un", "1x", "--"))),
    ("constraint-error", "place", lambda row, g: row["place"][:4]),
    ("paid", "amount_paid", lambda row, g: "999,99"),
)
_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("extra-cell", "extra"),
    ("extra-cell", "split"),
    ("extra-cell", "doubled"),
    ("missing-cell", "missing"),
    ("missing-cell", "cut"),
    ("missing-cell", "lost"),
    ("blank-row", "blank"),
    ("stray-quote", "quote"),
)


def _cell_plant(code: str, field_name: str, wrong: Callable[[Row, _Generator], str]) -> _Plant:
    """One line with one wrong cell."""

    def plant(g: _Generator) -> list[Line]:
        row = _single(g)
        row[field_name] = wrong(row, g)
        return [Line(row, code, field_name)]

    return plant


def _shape_plant(code: str, shape: Shape) -> _Plant:
    """One line that breaks the table's shape."""

    def plant(g: _Generator) -> list[Line]:
        row = _single(g)
        if shape == "quote":
            row["patient"] += '"'
        if shape == "lost":  # between two empty cells nobody could tell which of the three it was
            row["start_time"], row["end_time"] = "06:40", "06:50"
        return [Line(row, code, "patient" if shape == "quote" else None, shape)]

    return plant


def _sequence(g: _Generator) -> list[Line]:
    return [Line(_single(g), "sequence", "row_no", skips_number=True), Line(_single(g))]


def _time_order(g: _Generator) -> list[Line]:
    row = _single(g)
    row["start_time"], row["end_time"] = g.random.choice(
        (("14:30", "14:10"), ("09:00", "09:00"), ("21:00", "00:30"))
    )
    return [Line(row, "time-order", "end_time")]


def _duplicate(g: _Generator) -> list[Line]:
    row = _single(g)
    return [Line(row), Line(dict(row), "duplicate-line", "record_id")]


def _incoherent(g: _Generator) -> list[Line]:
    first = _single(g)
    second = g.same_invoice(first, "20367")
    field_name = g.random.choice(("patient", "service_date"))
    if field_name == "patient":
        second["patient"] = g.patient()
    else:
        second["service_date"] = (g.day.on - timedelta(days=1)).isoformat()
    return [Line(first), Line(second, "invoice-coherent", field_name)]


def _fee_maximum(g: _Generator) -> list[Line] | None:
    """Both fees on a day that allows either of them."""
    if "large-fee" not in g.day.used or "fee-maximum" in g.day.used:
        return None
    g.day.used.add("fee-maximum")
    return [Line(g.row(g.patient(), "19928"), "daily-fee-maximum", "amount")]


def _fee_not_eligible(g: _Generator) -> list[Line]:
    """A fee at an establishment, where none is paid, or on a Sunday without visits."""
    row = g.row(g.patient(), "19928")
    sunday = g.day.on - timedelta(days=g.day.on.weekday() + 1)
    row["service_date"] = max(sunday, g.today - timedelta(days=WINDOW_DAYS + 5)).isoformat()
    row["provider"] = f"{g.record % 1_000_000 + 8_000_000:07d}"
    return [Line(row, "daily-fee-eligible", "code")]


def _intervention_maximum(g: _Generator) -> list[Line] | None:
    """First periods without times until the day's minutes are used up."""
    if "interventions" in g.day.used:
        return None
    g.day.used.add("interventions")
    lines = []
    while g.day.minutes <= 180:
        g.day.minutes += 30
        lines.append(Line(_single(g, "8857")))
    lines[-1].code, lines[-1].field = "intervention-maximum", "code"
    return lines


def _further_alone(g: _Generator) -> list[Line] | None:
    if g.day.minutes > 150 or "interventions" in g.day.used:
        return None
    g.day.minutes += 1
    return [Line(_single(g, "8859"), "intervention-maximum", "code")]


def _annual(g: _Generator) -> list[Line]:
    """Two acts of the annual group for one patient: both paid, one, or none."""
    patient = g.patient()
    rows = [g.row(patient, code) for code in ("15815", "15825")]
    paid = g.random.randrange(3)
    for row in rows[paid:]:
        row["amount_paid"] = "0,00"
    return [Line(rows[0]), Line(rows[1], "annual", "code")]


def _overlap(g: _Generator) -> list[Line] | None:
    """A visit inside another one's time, before the office opens; once a day."""
    if "overlap" in g.day.used:
        return None
    g.day.used.add("overlap")
    outer = g.visit(g.patient(), "15804", "06:00", "walk-in")
    inner = g.visit(g.patient(), "15804", "06:05", "walk-in")
    outer["end_time"], inner["end_time"] = "06:20", "06:15"
    return [Line(outer), Line(inner, "overlap", "start_time")]


def _missed(g: _Generator) -> list[Line] | None:
    if "missed" in g.day.used:
        return None
    g.day.used.add("missed")
    return [Line(g.visit(g.patient(), "15804", "06:30", "walk-in", minutes=35), "missed", "code")]


def _pair(g: _Generator) -> list[Line]:
    first = _single(g, "20123")
    return [Line(first), Line(g.same_invoice(first, "20245"), "pair", "code")]


def _units(g: _Generator) -> list[Line]:
    return [Line(g.row(g.patient(), "15837", units=2), "units-maximum", "units")]


_GROUPS: tuple[_Plant, ...] = (
    _time_order, _duplicate, _incoherent, _fee_maximum, _fee_not_eligible, _intervention_maximum, _further_alone,
    _annual, _overlap, _missed, _pair, _units,
)  # fmt: skip
