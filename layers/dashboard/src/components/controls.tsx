/** Buttons, menus, tabs, dialogs: the things people press. */

import type { ButtonHTMLAttributes, ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import "./controls.css";
import { Icon } from "./icon.tsx";
import type { IconName } from "./icon.tsx";

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "label"> {
  icon?: IconName;
  /** The name; with `isIconOnly` it is read out and shown as a tooltip. */
  label: string;
  look?: "primary" | "plain" | "usual";
  isIconOnly?: boolean;
  disabled?: boolean;
}

/** A button. */
export function Button({ icon, label, look = "usual", isIconOnly = false, class: extra = "", ...rest }: ButtonProps): JSX.Element {
  const looks = `button ${look === "usual" ? "" : `is-${look}`} ${isIconOnly ? "is-icon" : ""} ${String(extra)}`;
  const name = isIconOnly ? { "aria-label": label, title: label } : {};
  return (
    <button type="button" class={looks} {...name} {...rest}>
      {icon && <Icon name={icon} />}
      {!isIconOnly && label}
    </button>
  );
}

/** A button with a list beneath it; Escape, a click elsewhere and a choice close it. Children get how to close it. */
export function Menu(props: {
  label: string;
  icon?: IconName;
  isIconOnly?: boolean;
  class?: string;
  children: (close: () => void) => ComponentChildren;
}): JSX.Element {
  const [isOpen, setIsOpen] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = (): void => {
    setIsOpen(false);
    holder.current?.querySelector("button")?.focus();
  };
  useEffect(() => {
    if (!isOpen) return undefined;
    const outside = (event: Event): void => {
      if (!holder.current?.contains(event.target as Node)) setIsOpen(false);
    };
    const escape = (event: KeyboardEvent): void => {
      if (event.key === "Escape") close();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [isOpen]);
  return (
    <div class={`menu ${props.class ?? ""}`} ref={holder}>
      <Button
        label={props.label}
        {...(props.icon ? { icon: props.icon } : {})}
        isIconOnly={props.isIconOnly ?? false}
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setIsOpen(!isOpen)}
      />
      {isOpen && (
        <div class="menu-list" id={id}>
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

/** Links that look like tabs; `current` is the one that is shown. */
export function Tabs(props: { label: string; current: string; tabs: Array<{ id: string; label: string; href: string }> }): JSX.Element {
  return (
    <nav class="tabs" aria-label={props.label}>
      {props.tabs.map((tab) => (
        <a key={tab.id} class="tab" href={tab.href} aria-current={tab.id === props.current ? "page" : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  );
}

/** A modal dialog; the browser keeps the focus in it, and Escape closes it. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const { current } = box;
    if (current && !current.open) current.showModal();
    return () => current?.close();
  }, []);
  return (
    <dialog
      ref={box}
      class="dialog"
      aria-labelledby={id}
      onClose={props.onClose}
      onClick={(event) => event.target === box.current && props.onClose()}
    >
      <div class="dialog-head">
        <h2 id={id}>{props.title}</h2>
        <Button label="Close" icon="close" isIconOnly look="plain" onClick={props.onClose} />
      </div>
      <div class="dialog-body">{props.children}</div>
    </dialog>
  );
}
