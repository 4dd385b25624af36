import { type KeyboardEvent, type RefCallback, useCallback, useId } from 'react'

interface TextFieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly maxLength: number
  readonly fault?: string | undefined
  readonly hint?: string
  readonly isLong?: boolean
  readonly isRequired?: boolean
  readonly type?: 'email' | 'password'
  /** What browsers and password managers may fill in. */
  readonly autoComplete?:
    | 'name'
    | 'email'
    | 'username'
    | 'current-password'
    | 'new-password'
    | 'off'
  /** Focus on appearing; `in-place` without scrolling, where what stands above is to be read first. */
  readonly autoFocus?: boolean | 'in-place'
  readonly suggestions?: readonly string[]
  /** Ctrl or ⌘ with Enter. */
  readonly onSubmitKey?: () => void
}

/** Shown when so few characters are left, or half of what a short field takes. */
const nearLimit = 200

/** A labelled text input with its fault and, near the limit, the characters left. */
export function TextField(props: TextFieldProps) {
  const id = useId()
  const { autoFocus } = props
  const focus: RefCallback<HTMLElement> = useCallback(
    (element) => {
      if (autoFocus !== undefined && autoFocus !== false)
        element?.focus({ preventScroll: autoFocus === 'in-place' })
    },
    [autoFocus],
  )
  const left = props.maxLength - props.value.length
  const leave = (event: KeyboardEvent<HTMLElement>): void => {
    // In a dialog, Esc closes the dialog.
    const isInDialog = event.currentTarget.closest('[role=dialog]') !== null
    if (event.key === 'Escape' && !isInDialog) event.currentTarget.blur()
  }
  const shared = {
    id,
    className: 'input',
    value: props.value,
    required: props.isRequired,
    maxLength: props.maxLength,
    'aria-invalid': props.fault !== undefined,
    'aria-describedby': `${id}-hint`,
  }
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.isLong === true ? (
        <textarea
          {...shared}
          ref={focus}
          onChange={(event) => props.onChange(event.target.value)}
          onKeyDown={(event) => {
            leave(event)
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) props.onSubmitKey?.()
          }}
        />
      ) : (
        <input
          {...shared}
          ref={focus}
          type={props.type ?? 'text'}
          autoComplete={props.autoComplete}
          list={props.suggestions === undefined ? undefined : `${id}-list`}
          onKeyDown={leave}
          onChange={(event) => props.onChange(event.target.value)}
        />
      )}
      {props.suggestions !== undefined && (
        <datalist id={`${id}-list`}>
          {props.suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
      <div className="hint" id={`${id}-hint`}>
        <span className={props.fault === undefined ? '' : 'fault'}>
          {props.fault ?? props.hint ?? ''}
        </span>
        {left < Math.min(nearLimit, props.maxLength / 2) && (
          <span className="figure">{left} characters left</span>
        )}
      </div>
    </div>
  )
}
