/** A titled part of a page, and what it shows when it has nothing to show. */

import type { ComponentChildren, JSX } from "preact";

import type { ApiError } from "../lib/api.ts";
import type { Query } from "../lib/query.ts";
import { Button } from "./controls.tsx";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon.tsx";
import "./panel.css";

interface PanelProps {
  title: string;
  /** Said beside the title. */
  note?: ComponentChildren;
  tools?: ComponentChildren;
  /** The content goes to the edges, as tables do. */
  isFlush?: boolean;
  isBusy?: boolean;
  class?: string;
  children: ComponentChildren;
}

/** A part of a page. */
export function Panel(props: PanelProps): JSX.Element {
  return (
    <section class={`panel ${props.isFlush ? "is-flush" : ""} ${props.class ?? ""}`} aria-label={props.title}>
      <header class="panel-head">
        <div class="row">
          <h2>{props.title}</h2>
          {props.note !== undefined && <span class="panel-note">{props.note}</span>}
          <span class={`panel-busy ${props.isBusy ? "is-on" : ""}`} aria-hidden="true" />
        </div>
        {props.tools && <div class="panel-tools">{props.tools}</div>}
      </header>
      <div class="panel-body">{props.children}</div>
    </section>
  );
}

/** What is said in the place of content. */
export function Told(props: {
  icon?: IconName;
  title: string;
  tone?: "quiet" | "error" | "unknown";
  height?: number;
  action?: ComponentChildren;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`told is-${props.tone ?? "quiet"}`} style={{ minHeight: `${props.height ?? 120}px` }} role={props.tone === "error" ? "alert" : undefined}>
      {props.icon && <span class="icon"><Icon name={props.icon} size={20} /></span>}
      <strong>{props.title}</strong>
      {props.children && <p class="small">{props.children}</p>}
      {props.action}
    </div>
  );
}

/** A place that something will come to. */
export function Skeleton({ height = 120, width = "100%" }: { height?: number; width?: string }): JSX.Element {
  return <span class="skeleton" style={{ height: `${height}px`, width }} aria-hidden="true" />;
}

/** What went wrong, and a way to try again. */
export function Failure({ error, onRetry, height }: { error: ApiError; onRetry?: () => void; height?: number }): JSX.Element {
  const isForbidden = error.status === 403;
  return (
    <Told
      icon="warning"
      tone="error"
      title={isForbidden ? "You may not see this" : error.title}
      {...(height ? { height } : {})}
      action={onRetry && !isForbidden && <Button label="Try again" icon="refresh" onClick={onRetry} />}
    >
      {error.message}
      {error.correlationId && <span class="quiet"> Request <code>{error.correlationId}</code>.</span>}
    </Told>
  );
}

/**
 * Content that depends on a query: a skeleton while nothing is known, the failure if there is nothing else, else
 * `children` of the data; where a refresh failed, the old data with a line that says so.
 */
export function Loaded<Data>(props: {
  query: Query<Data>;
  height?: number;
  /** Returns what is said where the data is empty, or null where it is not. */
  empty?: (data: Data) => ComponentChildren | null;
  children: (data: Data) => ComponentChildren;
}): JSX.Element {
  const { data, error, reload } = props.query;
  if (data === undefined) {
    if (error) return <Failure error={error} onRetry={reload} {...(props.height ? { height: props.height } : {})} />;
    return (
      <div role="status">
        <span class="only-read">Loading</span>
        <Skeleton height={props.height ?? 120} />
      </div>
    );
  }
  const nothing = props.empty?.(data) ?? null;
  return (
    <>
      {error && (
        <p class="stale" role="status">
          <Icon name="warning" /> Not up to date: {error.message} <Button label="Try again" look="plain" onClick={reload} />
        </p>
      )}
      {nothing ?? props.children(data)}
    </>
  );
}
