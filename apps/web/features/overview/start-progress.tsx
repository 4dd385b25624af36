import { duration } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import { type Part, partStates } from './model.ts'

/** While parts start, or when one is broken: each with its state, time and reason. Gone when all are ready. */
export function StartProgress(props: { readonly parts: readonly Part[] }) {
  const ready = props.parts.filter(({ state }) => state === 'ready').length
  if (ready === props.parts.length) return null
  return (
    <section className="plate start-progress" aria-labelledby="start-title">
      <h2 id="start-title">
        {ready} of {props.parts.length} parts ready
      </h2>
      <ul>
        {props.parts.map(({ name, state, detail, startedInMs }) => (
          <li key={name}>
            <Chip tone={partStates[state].tone}>{partStates[state].word}</Chip>
            <strong>{name}</strong>
            {state === 'ready' && startedInMs !== null && (
              <span className="eyebrow figure">after {duration(startedInMs)}</span>
            )}
            {detail !== null && state !== 'ready' && <span className="eyebrow">{detail}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
