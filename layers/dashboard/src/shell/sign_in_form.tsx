/** The fields for signing in: a key, or the organisation's provider. Used by the page and by the dialog. */

import type { JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { Icon } from "../components/icon.tsx";
import { ApiError } from "../lib/api.ts";
import { signIn, ways } from "../lib/session.ts";
import { placeToComeBack, reasonText, refusalText } from "../lib/session_key.ts";
import { setParameters, useParameter } from "../lib/router.ts";
import { useStore } from "../lib/store.ts";
import "./sign_in.css";

/** The form; `onDone` is called once somebody is signed in. */
export function SignInForm({ onDone }: { onDone?: () => void }): JSX.Element {
  const { oidc } = useStore(ways);
  const reason = useReason();
  return (
    <>
      {reason && <p class="sign-in-told" role="alert"><Icon name="warning" /> <span>{reasonText(reason)}</span></p>}
      {oidc && <Organisation />}
      <KeyFields isSecond={oidc} {...(onDone ? { onDone } : {})} />
    </>
  );
}

/** Return why the provider's way ended, once: a reload does not say it again. */
function useReason(): string {
  const [inAddress] = useParameter("sign_in");
  const [reason] = useState(inAddress);
  useEffect(() => {
    if (inAddress) setParameters({ sign_in: undefined }, { replace: true });
  }, [inAddress]);
  return reason;
}

function Organisation(): JSX.Element {
  const place = placeToComeBack(window.location.pathname, window.location.search);
  return (
    <>
      <a class="button is-primary sign-in-wide" href={`/v1/session/oidc?to=${encodeURIComponent(place)}`}>
        <Icon name="user" /> Sign in with your organisation
      </a>
      <p class="sign-in-or"><span>or with a key</span></p>
    </>
  );
}

function KeyFields(props: { isSecond: boolean; onDone?: () => void }): JSX.Element {
  const [key, setKey] = useState("");
  const [told, setTold] = useState("");
  const [isShown, setIsShown] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setTold("");
    try {
      await signIn(key);
      props.onDone?.();
    } catch (reason) {
      setTold(reason instanceof ApiError ? refusalText(reason.status, reason.message) : String(reason));
      setIsBusy(false);
      field.current?.focus();
      field.current?.select();
    }
  };
  const entry = {
    ref: field, id, class: "input mono", name: "key", required: true, value: key, placeholder: "opsloop_…",
    autocomplete: "current-password", autocapitalize: "off", spellcheck: false, enterkeyhint: "go", autofocus: true,
    "aria-invalid": told ? true : undefined, "aria-describedby": `${id}-told`,
    onInput: (event: InputEvent) => { setKey((event.currentTarget as HTMLInputElement).value); setTold(""); },
  } as const;
  return (
    <form class="sign-in-form" onSubmit={(event) => void submit(event)}>
      {/* password managers keep a password with a name */}
      <input class="only-read" type="text" name="username" autocomplete="username" value="opsloop" readOnly tabIndex={-1} aria-hidden="true" />
      <div class="field">
        <label class="label" for={id}>Key</label>
        <div class="sign-in-key">
          {isShown ? <input type="text" {...entry} /> : <input type="password" {...entry} />}
          <button type="button" class="button is-plain" title={isShown ? "Hide what is typed" : "Show what is typed"} onClick={() => setIsShown(!isShown)}>{isShown ? "Hide" : "Show"}</button>
        </div>
      </div>
      <p id={`${id}-told`} class="sign-in-told" role="alert">{told && <><Icon name="warning" /> <span>{told}</span></>}</p>
      <button type="submit" class={`button sign-in-wide ${props.isSecond ? "" : "is-primary"}`} disabled={isBusy}>{isBusy ? "Signing in" : "Sign in"}</button>
    </form>
  );
}
