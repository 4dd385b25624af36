import { duration, integer } from '../../lib/format.ts'
import { Chip } from '../../ui/chip.tsx'
import { shareDone } from './mappers.ts'
import { operationStates, type Operation } from './model.ts'

export function OperationChip(props: { readonly operation: Operation }) {
  const { word, tone, means } = operationStates[props.operation.state]
  return (
    <Chip tone={tone} title={means}>
      {word}
    </Chip>
  )
}

/** How far it is, as a bar and in words. */
export function OperationProgress(props: { readonly operation: Operation }) {
  const { operation } = props
  const { total, done, failed, skipped, cancelled, timeLeftMs } = operation.progress
  if (operation.state === 'PLANNED' || operation.state === 'EXPIRED')
    return <span className="eyebrow">{integer(operation.count)} planned</span>
  const parts = [
    `${integer(done)} of ${integer(total)} done`,
    ...(failed > 0 ? [`${integer(failed)} failed`] : []),
    ...(skipped > 0 ? [`${integer(skipped)} skipped`] : []),
    ...(cancelled > 0 ? [`${integer(cancelled)} left`] : []),
    ...(timeLeftMs !== null && operation.state === 'RUNNING'
      ? [`about ${duration(timeLeftMs)} to go`]
      : []),
  ]
  return (
    <span className="operation-progress">
      <progress value={shareDone(operation)} aria-label="Part that came to an end" />
      <span className="figure" data-tone={failed > 0 ? 'bad' : undefined}>
        {parts.join(', ')}
      </span>
    </span>
  )
}

/** What it reaches. */
export function OperationScope(props: { readonly operation: Operation }) {
  return (
    <span className="operation-scope">
      {props.operation.scope.map(([name, value]) => (
        <span key={name}>
          {name} <span className="mono">{value}</span>
        </span>
      ))}
    </span>
  )
}
