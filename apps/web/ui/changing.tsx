import { type ReactNode, useState } from 'react'

/** Flashes when `value` changes, not when it first appears: the eye finds what moved, and nothing shifts. */
export function Changing(props: {
  readonly value: number | null
  readonly children: ReactNode
  readonly className?: string
}) {
  const [seen, setSeen] = useState({ value: props.value, changes: 0 })
  if (seen.value !== props.value) setSeen({ value: props.value, changes: seen.changes + 1 })
  const flash = seen.changes > 0 ? 'changed' : ''
  return (
    // A new key plays the animation again.
    <span key={seen.changes} className={`figure ${flash} ${props.className ?? ''}`}>
      {props.children}
    </span>
  )
}
