"""How Grafana shows the columns of a panel: units, colours, thresholds, texts and links."""

from collections.abc import Iterable, Mapping

from opsloop.dashboard.panels import Column, Kind, Level, Meaning, Panel, Question, Shape, Unit
from opsloop_cli.dashboard_library import models
from opsloop_cli.dashboard_queries import filled, label_of

COLOURS: Mapping[Meaning, str] = {
    Meaning.WELL: "green",
    Meaning.WARNING: "orange",
    Meaning.BAD: "red",
    Meaning.UNKNOWN: "#8e8e8e",
}
UNITS: Mapping[Unit, str] = {
    Unit.COUNT: "short",
    Unit.RATIO: "percentunit",
    Unit.MILLISECONDS: "ms",
    Unit.SECONDS: "s",
    Unit.MINUTES: "m",
}
PLAIN = "text"  # Grafana's name for the colour of text

Property = models.DynamicConfigValue
Override = tuple[models.MatcherConfig, list[Property]]


def columns_of(panel: Panel) -> list[Column]:
    """Return the panel's columns, each title once."""
    return list({one.title: one for question in panel.questions for one in question.columns}.values())


def overrides_of(panel: Panel, *, has_labels: bool) -> list[Override]:
    """Return what Grafana shall do otherwise than by default, per column.

    ``has_labels``: the data source makes labels of label columns (the other one makes names of series).
    """
    found = [(_by_name(one.title), _properties(one, panel)) for one in columns_of(panel)]
    if panel.share:
        found.append((_by_name(panel.share.title), [Property("unit", UNITS[Unit.RATIO]), Property("decimals", 2)]))
    for question in panel.questions:
        found += [one for one in _of_names(question, panel, has_labels=has_labels) if one not in found]
    if panel.quiet:
        hidden = Property("custom.hideFrom", {"legend": True, "tooltip": True, "viz": True})
        found.append((models.MatcherConfig("byRegexp", f"/^(?:{'|'.join(panel.quiet)})$/"), [hidden]))
    return [(matcher, properties) for matcher, properties in found if properties]


def thresholds(levels: Iterable[Level]) -> models.ThresholdsConfig:
    """Return the levels as Grafana's thresholds; below the first one nothing is meant."""
    steps = [models.Threshold(color=PLAIN), *(models.Threshold(one.value, COLOURS[one.means]) for one in levels)]
    return models.ThresholdsConfig(mode=models.ThresholdsMode.ABSOLUTE, steps=steps)


def shown_where_nothing(text: str) -> models.SpecialValueMap:
    """Return the mapping that shows ``text`` where there is no number."""
    result = models.ValueMappingResult(text=text, color=COLOURS[Meaning.UNKNOWN])
    options = models.DashboardSpecialValueMapOptions(match=models.SpecialValueMatch.NULL_AND_NAN, result=result)
    return models.SpecialValueMap(options=options)


def _properties(column: Column, panel: Panel) -> list[Property]:
    found = []
    if column.kind is Kind.NUMBER and column.unit is not Unit.COUNT:
        found.append(Property("unit", UNITS[column.unit]))
    if column.levels:
        found.append(Property("thresholds", thresholds(column.levels)))
        if panel.shape is Shape.LINES:
            found.append(Property("custom.thresholdsStyle", {"mode": "line"}))
    if column.words:
        results = {word: models.ValueMappingResult(text=word, color=COLOURS[means]) for word, means in column.words}
        found.append(Property("mappings", [models.ValueMap(options=results)]))
        found.append(Property("custom.cellOptions", {"type": "color-text"}))
    if column.links:
        links = [{"title": title, "url": filled(url), "targetBlank": True} for title, url in column.links]
        found.append(Property("links", links))
    if column.is_on_the_right:
        found += [Property("custom.axisPlacement", "right"), Property("custom.drawStyle", "bars")]
    return found


def _of_names(question: Question, panel: Panel, *, has_labels: bool) -> list[Override]:
    """Return how series are named: by label if there is one; beside other queries Grafana would add the query's letter.

    Of series that a label tells apart rows may be missing, which a line would hide.
    """
    label = label_of(question)
    if label is None:
        numbers = [column.title for column in question.columns if column.kind is Kind.NUMBER]
        return [(_by_name(title), [Property("displayName", title)]) for title in numbers if len(panel.questions) > 1]
    title = next(column.title for column in question.columns if column.kind is Kind.NUMBER)
    is_alone = all(label_of(one) for one in panel.questions)
    name = f"${{__field.labels.{label.title}}}"
    named = [Property("displayName", name if is_alone else f"{title} {name}")] if has_labels else []
    dotted = [Property("custom.drawStyle", "points")] if panel.shape is Shape.LINES else []
    return [(_by_name(title), [*named, *dotted])]


def _by_name(name: str) -> models.MatcherConfig:
    return models.MatcherConfig("byName", name)
