import { useState } from 'react'
import { shortId } from '../lib/format.ts'

/** A middle-cut id, or another label for it; a click copies the whole. */
export function CopyId(props: { readonly id: string; readonly label?: string }) {
  const [isCopied, setIsCopied] = useState(false)
  const copy = (): void => {
    navigator.clipboard?.writeText(props.id).then(
      () => setIsCopied(true),
      () => setIsCopied(false),
    )
  }
  const text = isCopied ? 'copied' : (props.label ?? shortId(props.id))
  return (
    <button
      type="button"
      className="copy-id mono"
      title={`${props.id} (click to copy)`}
      aria-label={`${text}, copy id ${props.id}`}
      onClick={copy}
      onBlur={() => setIsCopied(false)}
    >
      {text}
    </button>
  )
}
