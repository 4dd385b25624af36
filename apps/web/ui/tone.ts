import type { IconName } from './icon.tsx'

/** How a state feels, whatever it is: gives colour and icon; the word comes from the state itself. */
export type Tone = 'good' | 'busy' | 'attention' | 'bad' | 'quiet'

/** One of a total map's states, as people see it. */
export interface ShownState {
  readonly word: string
  readonly tone: Tone
  /** What it means, for hover. */
  readonly means: string
}

export const toneIcons: Readonly<Record<Tone, IconName>> = {
  good: 'check',
  busy: 'turn',
  attention: 'alert',
  bad: 'cross',
  quiet: 'dash',
}
