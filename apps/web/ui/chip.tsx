import type { ReactNode } from 'react'
import { Icon } from './icon.tsx'
import { type Tone, toneIcons } from './tone.ts'

/** A state as icon, word and colour. */
export function Chip(props: {
  readonly tone: Tone
  readonly children: ReactNode
  readonly title?: string
}) {
  return (
    <span className="chip" data-tone={props.tone} title={props.title}>
      <Icon
        name={toneIcons[props.tone]}
        {...(props.tone === 'busy' ? { className: 'turning' } : {})}
      />
      {props.children}
    </span>
  )
}
