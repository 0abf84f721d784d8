"""Boards of panels as Grafana dashboards, made with Grafana's own builder library."""

import json
from collections.abc import Callable, Iterator, Mapping
from string import ascii_uppercase
from typing import Any, TypeVar

from opsloop.dashboard.panels import Board, Choice, Panel, Question, Shape, Share
from opsloop_cli.dashboard_fields import columns_of, overrides_of, shown_where_nothing, thresholds
from opsloop_cli.dashboard_library import (
    Builder,
    Dataquery,
    JSONEncoder,
    builders,
    common,
    common_builders,
    models,
    stat,
    table,
    table_models,
    timeseries,
)
from opsloop_cli.dashboard_queries import Dialect, Infinity, filled

TAG = "opsloop"
SOURCE_UID = "opsloop"  # as the provisioning file has it
SOURCE = "${datasource}"
REFRESH = "1m"
RANGE = "now-3h"
NOW_DELAY = "3m"  # a minute is complete two minutes after its end
Made = TypeVar("Made", covariant=True)
AnyPanel = timeseries.Panel | stat.Panel | table.Panel


def dashboard_json(board: Board, dialect: Dialect, console: str) -> str:
    """Return a board as the JSON of a Grafana dashboard, which is the same for the same board.

    Parameters
    ----------
    board : Board
        What to show.
    dialect : Dialect
        How the data source is asked.
    console : str
        The address of opsloop's console, to which links lead.
    """
    made = (
        builders.Dashboard(board.title)
        .uid(board.name)
        .description(board.description)
        .tags([TAG])
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .refresh(REFRESH)
        .time(RANGE, "now")
        .timepicker(builders.TimePicker().now_delay(NOW_DELAY))
        .link(builders.DashboardLink("opsloop").type(models.DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True))
        .link(builders.DashboardLink("Console").type(models.DashboardLinkType.LINK).url("${console}/"))
    )
    current = models.VariableOption(text=SOURCE_UID, value=SOURCE_UID)
    source = builders.DatasourceVariable("datasource").label("Data source").type(dialect.plugin).current(current)
    variables = [source, *(_variable(choice, dialect) for choice in board.choices)]
    for variable in (*variables, builders.ConstantVariable("console").value(console)):
        made.with_variable(_Built(_without_intervals(variable.build())))
    for number, panel in enumerate(board.panels, start=1):
        made.with_panel(_Built(_panel(panel, number, dialect)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


class _Built(Builder[Made]):
    """What is made already, for builders that want builders."""

    def __init__(self, made: Made) -> None:
        self._made = made

    def build(self) -> Made:
        return self._made


class _Query(Builder[Dataquery], Dataquery):
    """A query of a data source that the library does not know."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> Mapping[str, Any]:
        return self._fields


def _panel(panel: Panel, number: int, dialect: Dialect) -> models.Panel:
    source = common.DataSourceRef(type_val=dialect.plugin, uid=SOURCE)
    place = models.GridPos(h=panel.place.height, w=panel.place.width, x=panel.place.x, y=panel.place.y)
    made = MAKERS[panel.shape](panel)
    made.id(number).title(filled(panel.title)).description(filled(panel.description)).grid_pos(place)
    made.datasource(source).no_value(panel.nothing)
    is_series = panel.shape in (Shape.LINES, Shape.BARS)
    for letter, question in zip(ascii_uppercase, panel.questions, strict=False):
        about = {"refId": letter, "datasource": source}
        made.with_target(_Query(about | dialect.query(question, is_series=is_series)))
    for matcher, properties in overrides_of(panel, has_labels=isinstance(dialect, Infinity)):
        made.with_override(matcher, properties)
    built = made.build()
    if isinstance(built.options, table_models.Options):
        built.options.footer = None  # Grafana 12.2 took it out of the options of tables
    return built


def _series(panel: Panel) -> AnyPanel:
    legend = common_builders.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
    legend.display_mode(common.LegendDisplayMode.LIST).calcs(["lastNotNull"])
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    made = timeseries.Panel().legend(legend).tooltip(tooltip).min(0).line_width(1)
    if panel.shape is Shape.BARS:
        stacked = common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
        return made.draw_style(common.GraphDrawStyle.BARS).fill_opacity(80).stacking(stacked)
    made.draw_style(common.GraphDrawStyle.LINE).fill_opacity(10).span_nulls(False)
    return made.show_points(common.VisibilityMode.AUTO)  # a single known minute between unknown ones is seen


def _totals(panel: Panel) -> AnyPanel:
    reduced = common_builders.ReduceDataOptions().values(False).calcs(["lastNotNull"])
    made = stat.Panel().reduce_options(reduced).graph_mode(common.BigValueGraphMode.NONE)
    made.color_mode(common.BigValueColorMode.VALUE).mappings([shown_where_nothing(panel.nothing)])
    made.thresholds(_Built(thresholds([]))).transformations(list(_sums(panel)))
    return made


def _table(panel: Panel) -> AnyPanel:
    made = table.Panel().show_header(True).cell_height(common.TableCellHeight.SM)
    if panel.sorted_by:
        made.sort_by([_Built(common.TableSortByFieldState(display_name=panel.sorted_by, desc=True))])
    return made.with_transformation(_organize([column.title for column in columns_of(panel)], []))


MAKERS: Mapping[Shape, Callable[[Panel], AnyPanel]] = {
    Shape.LINES: _series,
    Shape.BARS: _series,
    Shape.TOTALS: _totals,
    Shape.TABLE: _table,
}


def _sums(panel: Panel) -> Iterator[models.DataTransformerConfig]:
    """Yield the transformations that make one row of sums, with the share first."""
    reducing = {"mode": "reduceFields", "includeTimeField": False, "reducers": ["sum"]}
    yield models.DataTransformerConfig("reduce", options=reducing)
    titles = [column.title for column in columns_of(panel)]
    if panel.share:
        yield from _share(panel.share)
        yield _organize([panel.share.title, *titles], ["whole", panel.share.part])


def _share(share: Share) -> Iterator[models.DataTransformerConfig]:
    whole = {
        "alias": "whole",
        "mode": "reduceRow",
        "reduce": {"include": list(share.whole), "reducer": "sum"},
        "replaceFields": False,
    }
    yield models.DataTransformerConfig("calculateField", options=whole)
    sides = {
        side: {"matcher": {"id": "byName", "options": name}}
        for side, name in (("left", share.part), ("right", "whole"))
    }
    ratio = {"alias": share.title, "mode": "binary", "binary": {**sides, "operator": "/"}, "replaceFields": False}
    yield models.DataTransformerConfig("calculateField", options=ratio)


def _organize(order: list[str], left_out: list[str]) -> models.DataTransformerConfig:
    options = {
        "excludeByName": dict.fromkeys(left_out, True),
        "indexByName": {title: index for index, title in enumerate(order)},
        "renameByName": {},
    }
    return models.DataTransformerConfig("organize", options=options)


def _variable(choice: Choice, dialect: Dialect) -> Builder[models.VariableModel]:
    options = [models.VariableOption(text=text, value=value) for text, value in choice.options]
    if choice.question is None:
        fixed = ",".join(value for _, value in choice.options)
        made = builders.CustomVariable(choice.name).values(fixed).options(options).current(options[0])
        return made.label(choice.label).description(choice.description)
    found = builders.QueryVariable(choice.name).label(choice.label).description(choice.description)
    found.datasource(common.DataSourceRef(type_val=dialect.plugin, uid=SOURCE))
    found.query(dialect.variable(choice.question)).refresh(_when_asked(choice.question))
    if options:
        found.static_options(options).static_options_order("before").current(options[0])
    if choice.refused:
        found.regex(f"/^(?!{choice.refused}).*/")
    return found


def _when_asked(question: Question) -> models.VariableRefresh:
    has_range = any(value == "{from}" for _, value in question.parameters)
    return models.VariableRefresh.ON_TIME_RANGE_CHANGED if has_range else models.VariableRefresh.ON_DASHBOARD_LOAD


def _without_intervals(variable: models.VariableModel) -> models.VariableModel:
    """Return the variable without what only intervals have: the library writes that for every kind."""
    variable.auto = variable.auto_min = variable.auto_count = None
    return variable
