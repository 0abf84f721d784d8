/** The search: one field, what its words mean, and what was wrong with them. */

import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { Button } from "../../components/controls.tsx";
import { Icon } from "../../components/icon.tsx";
import { adviceOn } from "./question.ts";

const SYNTAX: ReadonlyArray<{ example: string; meaning: string }> = [
  { example: "timeout pool", meaning: "both words, anywhere in the line or its attributes, whatever their case" },
  { example: '"no connection"', meaning: "these words one after the other" },
  { example: "-declined", meaning: "lines without this word" },
  { example: "http.route=/checkout", meaning: "an attribute with exactly this value; -http.route=/checkout for all others" },
  { example: 'retry="3 of 5"', meaning: "a value that has spaces in it" },
];

interface SearchFieldProps {
  text: string;
  /** What the API says against the question; "" if nothing. */
  error: string;
  onSearch: (text: string) => void;
}

/** The field; `onSearch` gets its text when it is sent. */
export function SearchField({ text, error, onSearch }: SearchFieldProps): JSX.Element {
  const [own, setOwn] = useState(text);
  const [isHelp, setIsHelp] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => setOwn(text), [text]);
  const submit = (event: Event): void => {
    event.preventDefault();
    onSearch(own.trim());
  };
  const insert = (example: string): void => {
    setOwn([own.trim(), example].filter(Boolean).join(" "));
    field.current?.focus();
  };
  return (
    <form class="logs-search" role="search" aria-label="Search lines" onSubmit={submit}>
      <div class="logs-search-row">
        <label class="logs-search-box">
          <Icon name="search" />
          <span class="only-read">Words of the lines</span>
          <input
            ref={field}
            type="search"
            class="mono"
            value={own}
            placeholder="Words, &quot;words in order&quot;, -without, name=value, or a trace id"
            spellcheck={false}
            autocomplete="off"
            maxLength={2_000}
            aria-invalid={error ? true : undefined}
            aria-describedby={error ? `${id}-error` : undefined}
            onInput={(event) => setOwn(event.currentTarget.value)}
          />
        </label>
        <Button label="How to search" icon="help" isIconOnly look="plain" aria-expanded={isHelp} aria-controls={`${id}-help`} onClick={() => setIsHelp(!isHelp)} />
        <button type="submit" class="button is-primary">Search</button>
      </div>
      {error && (
        <p class="logs-search-error" id={`${id}-error`} role="alert">
          <Icon name="warning" size={14} /> <span>{error.replace(/^q: /, "")}. {adviceOn(error)}</span>
        </p>
      )}
      {isHelp && <Help id={`${id}-help`} onInsert={insert} />}
    </form>
  );
}

/** What the words mean; pressing an example puts it into the field. */
function Help({ id, onInsert }: { id: string; onInsert: (example: string) => void }): JSX.Element {
  return (
    <div class="logs-help" id={id}>
      <dl>
        {SYNTAX.map(({ example, meaning }) => (
          <div key={example}>
            <dt><button type="button" class="logs-example mono" onClick={() => onInsert(example)}>{example}</button></dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet small">All parts must hold. Only whole words are found: there is no *, no OR, no brackets. A trace id of 32 digits leads to its trace.</p>
      <p class="quiet small">
        In the lines, <span class="key">j</span> and <span class="key">k</span> or the arrows move, <span class="key">Enter</span> opens,{" "}
        <span class="key">Esc</span> closes.
      </p>
    </div>
  );
}
