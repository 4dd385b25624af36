import { duration } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import type { Tone } from '../../ui/tone.ts'
import { type Overview, partStates, startStates } from './model.ts'

interface Line {
  readonly name: string
  readonly word: string
  readonly tone: Tone
  readonly more: string | null
}

/** While something starts or is broken: each part with its state, time and reason. Gone when all is well. */
export function StartProgress(props: { readonly overview: Overview }) {
  const lines = linesOf(props.overview)
  const ready = lines.filter(({ tone }) => tone === 'good').length
  if (ready === lines.length) return null
  return (
    <section className="plate start-progress" aria-labelledby="start-title">
      <h2 id="start-title">
        {ready} of {lines.length} ready
      </h2>
      <ul>
        {lines.map(({ name, word, tone, more }) => (
          <li key={name}>
            <Chip tone={tone}>{word}</Chip>
            <strong>{name}</strong>
            {more !== null && <span className="eyebrow figure">{more}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}

/** The supervisor's steps while it still starts; after that, or without one, the parts as they are now. */
function linesOf({ start, parts }: Overview): readonly Line[] {
  if (start.some(({ state }) => state !== 'ready')) {
    return start.map(({ name, state, detail, tookMs }) => ({
      name,
      ...startStates[state],
      more: state === 'ready' && tookMs !== null ? `after ${duration(tookMs)}` : detail,
    }))
  }
  return parts
    .filter(({ state }) => state !== 'unknown')
    .map(({ name, state, reason }) => ({ name, ...partStates[state], more: reason }))
}
