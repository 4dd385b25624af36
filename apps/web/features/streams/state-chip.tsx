import { Chip } from '../../ui/chip.tsx'
import type { Tone } from '../../ui/tone.ts'

const stateTones: Readonly<Record<string, Tone>> = {
  RUNNING: 'good',
  REBALANCING: 'busy',
  RESTORING: 'busy',
  CREATED: 'busy',
  STARTING: 'busy',
  ERROR: 'bad',
  PENDING_ERROR: 'bad',
}

/** State of an app or of a task. */
export function StateChip(props: { readonly state: string }) {
  return <Chip tone={stateTones[props.state] ?? 'quiet'}>{props.state.toLowerCase()}</Chip>
}
