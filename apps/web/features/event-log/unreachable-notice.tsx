import { Icon } from '../../ui/icon.tsx'
import type { Unreachable } from './model.ts'

/** Names the databases whose events are missing in what is shown. */
export function UnreachableNotice(props: { readonly unreachable: readonly Unreachable[] }) {
  if (props.unreachable.length === 0) return null
  return (
    <div className="notice" data-tone="attention" role="status">
      <h2>
        <Icon name="alert" /> Not everything could be asked
      </h2>
      <ul>
        {props.unreachable.map(({ service, reason }) => (
          <li key={service}>
            <strong>{service}</strong>: {reason} What its logs hold is missing here.
          </li>
        ))}
      </ul>
    </div>
  )
}
