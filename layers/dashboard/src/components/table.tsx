/** A table that sorts by its columns; the order can be kept in the URL by whoever uses it. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { Icon } from "./icon.tsx";
import "./table.css";

export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** What rows are sorted by; without it the column does not sort. Null and undefined come last. */
  value?: (row: Row) => number | string | null | undefined;
  isNumber?: boolean;
}

interface TableProps<Row> {
  label: string;
  columns: Array<Column<Row>>;
  rows: Row[];
  keyOf: (row: Row) => string;
  /** Column id, with a leading "-" for descending; "" keeps the rows as they come. */
  order?: string;
  onOrder?: (order: string) => void;
}

/** Return `rows` in `order`, equal ones as they came. */
export function sorted<Row>(rows: Row[], columns: Array<Column<Row>>, order: string): Row[] {
  const isDown = order.startsWith("-");
  const column = columns.find((one) => one.id === order.replace(/^-/, ""));
  const value = column?.value;
  if (!value) return rows;
  return [...rows].sort((one, other) => {
    const a = value(one) ?? null;
    const b = value(other) ?? null;
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    const less = typeof a === "string" && typeof b === "string" ? a.localeCompare(b) : Number(a) - Number(b);
    return isDown ? -less : less;
  });
}

/** A table. */
export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const [own, setOwn] = useState("");
  const order = props.order ?? own;
  const setOrder = props.onOrder ?? setOwn;
  const next = (column: Column<Row>): string => {
    if (order === column.id) return `-${column.id}`;
    if (order === `-${column.id}`) return column.id;
    return column.isNumber ? `-${column.id}` : column.id;
  };
  return (
    <div class="table-holder" role="region" aria-label={props.label} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            {props.columns.map((column) => {
              const isOn = order.replace(/^-/, "") === column.id;
              const direction = isOn ? (order.startsWith("-") ? "descending" : "ascending") : undefined;
              return (
                <th key={column.id} scope="col" class={column.isNumber ? "is-number" : ""} aria-sort={direction}>
                  {column.value ? (
                    <button type="button" class="table-sort" data-on={isOn} onClick={() => setOrder(next(column))}>
                      {column.title}
                      <Icon name={direction === "ascending" ? "up" : "down"} size={12} />
                    </button>
                  ) : (
                    column.title
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted(props.rows, props.columns, order).map((row) => (
            <tr key={props.keyOf(row)}>
              {props.columns.map((column) => (
                <td key={column.id} class={column.isNumber ? "is-number" : ""}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
