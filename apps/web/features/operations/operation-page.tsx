import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { type ReactNode, useEffect } from 'react'
import { count, duration, exactTime, integer } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { Icon } from '../../ui/icon.tsx'
import { MissingPage, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { getOperation, listItems } from './api.ts'
import { ConfirmForm, Controls } from './controls.tsx'
import { actorOf, inWords, isOpen, placeOf, rateText, titleOf } from './mappers.ts'
import { itemStates, type AuditLine, type Operation, type OperationItem } from './model.ts'
import { OperationChip, OperationProgress, OperationScope } from './operation-states.tsx'
import '../event-log/event-log.css'
import './operations.css'

const liveMs = 1_000

/** One operation from its plan to what became of each event. */
export function OperationPage() {
  const { id } = useParams({ from: '/operations/$id' })
  const found = useQuery({
    queryKey: ['operations', 'one', id],
    queryFn: ({ signal }) => getOperation(id, signal),
    refetchInterval: (query) =>
      query.state.data === undefined || isOpen(query.state.data.operation) ? liveMs : false,
    retry: false,
  })
  const operation = found.data?.operation
  useTitle(operation === undefined ? 'Operation' : titleOf(operation))
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) })
  const problem = found.isError ? asProblem(found.error) : null
  if (problem?.isMissing === true && operation === undefined)
    return (
      <MissingPage
        heading="Operation"
        title="No operation has this id"
        problem={problem}
        action={
          <Link to="/operations" className="button" data-look="primary">
            To all operations
          </Link>
        }
      />
    )
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <Link to="/operations" className="eyebrow">
            Operations
          </Link>
          <h1>{operation === undefined ? 'Operation' : titleOf(operation)}</h1>
          {operation !== undefined && (
            <p className="operation-line">
              <OperationChip operation={operation} /> <span>{operation.service}:</span>{' '}
              <OperationScope operation={operation} /> <CopyId id={operation.id} />
            </p>
          )}
        </div>
      </header>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      {found.isPending && <Skeleton lines={8} label="the operation" />}
      {operation !== undefined && (
        <>
          {operation.state === 'PLANNED' || operation.state === 'EXPIRED' ? (
            <Plan operation={operation} />
          ) : (
            <Outcome operation={operation} />
          )}
          <Audit lines={found.data?.audit ?? []} />
        </>
      )}
    </div>
  )
}

const effectWords = {
  none: 'The handler changes its own database only, together with the log.',
  idempotent: 'What the handler does outside its database may happen twice without harm.',
  external: 'The handler acts outside its database, mail for example.',
} as const

function effectsText({ group, effects }: Operation): string {
  if (group === null)
    return 'Each consumer drops what it has handled, so nothing takes effect twice. What waits behind them follows by itself.'
  return effects === null
    ? 'No consumer of the group was seen yet, so its effects are not known.'
    : effectWords[effects]
}

function Plan(props: { readonly operation: Operation }) {
  const { operation } = props
  return (
    <section className="plate operation-plan" aria-label="Plan">
      <h2>{inWords(operation)}?</h2>
      <ul className="operation-facts">
        <li>{effectsText(operation)}</li>
        <li>
          At most {rateText(operation.ratePerSecond)} events per second, reached step by step. It
          can be paused and cancelled.
        </li>
        {operation.request['force'] === true && (
          <li>
            It is forced: what the handler sends is sent again, what it adds up is counted again.
          </li>
        )}
        {operation.cutOffMs !== null && (
          <li>
            What fails after{' '}
            <time title={exactTime(operation.cutOffMs)}>{exactTime(operation.cutOffMs)}</time> is
            not touched.
          </li>
        )}
      </ul>
      {operation.refusals.length > 0 && (
        <div
          className="notice"
          data-tone={operation.refusals.some((each) => each.isFinal) ? 'bad' : 'attention'}
        >
          <h3>
            <Icon name="alert" /> Left out
          </h3>
          <ul>
            {operation.refusals.map((refusal) => (
              <li key={refusal.code}>
                {refusal.count !== null && <strong>{count(refusal.count, 'event')}: </strong>}
                {refusal.explanation}{' '}
                {refusal.sampleEventIds.map((eventId) => (
                  <EventLink key={eventId} eventId={eventId} />
                ))}
              </li>
            ))}
          </ul>
        </div>
      )}
      {operation.sample.length > 0 && (
        <>
          <h3>
            {operation.sample.length < operation.count
              ? `The first ${integer(operation.sample.length)} of them`
              : 'Which'}
          </h3>
          <ul className="operation-sample">
            {operation.sample.map((event) => (
              <li key={event.eventId}>
                <Link to="/journeys/$id" params={{ id: event.eventId }} data-row="">
                  {event.eventType}
                </Link>{' '}
                <span className="mono">{placeOf(event)}</span>
                {event.key !== null && <span className="mono"> key {event.key}</span>}
                {event.errorMessage !== null && <small>{event.errorMessage.split('\n')[0]}</small>}
              </li>
            ))}
          </ul>
        </>
      )}
      <ConfirmForm operation={operation} />
    </section>
  )
}

function Outcome(props: { readonly operation: Operation }) {
  const { operation } = props
  const { failed } = operation.progress
  return (
    <>
      <section className="plate operation-plan" aria-label="Progress">
        <div role="status">
          <h2>{headline(operation)}</h2>
        </div>
        <OperationProgress operation={operation} />
        <dl className="operation-dates">
          <Fact label="Rate">{rateText(operation.ratePerSecond)} per second</Fact>
          <Fact label="Confirmed">
            {operation.confirmedAtMs === null ? (
              '–'
            ) : (
              <>
                <Time atMs={operation.confirmedAtMs} /> by {operation.confirmedBy}
              </>
            )}
          </Fact>
          <Fact label="Cut-off">
            {operation.cutOffMs === null ? 'none' : exactTime(operation.cutOffMs)}
          </Fact>
          <Fact label="Took">
            {operation.startedAtMs === null || operation.endedAtMs === null
              ? '–'
              : duration(operation.endedAtMs - operation.startedAtMs)}
          </Fact>
          <Fact label="Carried out by">{operation.owner ?? 'nobody at the moment'}</Fact>
        </dl>
        {operation.state === 'DONE' && failed > 0 && (
          <p>
            <Link to="/failures" className="button">
              To the failures
            </Link>
          </p>
        )}
        <Controls operation={operation} />
      </section>
      <Items operation={operation} />
    </>
  )
}

function doneText(kind: Operation['kind'], events: string): string {
  if (kind === 'replay') return `${events} replayed`
  return kind === 'republish' ? `Mended: ${events} published` : `Mended: ${events} handled`
}

function headline(operation: Operation): string {
  const { done, failed, total } = operation.progress
  switch (operation.state) {
    case 'CONFIRMED':
      return `Waits for ${actorOf(operation)}`
    case 'RUNNING':
      return 'Under way'
    case 'PAUSED':
      return 'Paused: nothing more begins until it is resumed'
    case 'CANCELLED':
      return `Cancelled after ${integer(done)} of ${count(total, 'event')}`
    case 'DONE':
      if (failed > 0) return `${count(failed, 'event')} of ${integer(total)} failed again`
      return doneText(operation.kind, count(done, 'event'))
    case 'PLANNED':
    case 'EXPIRED':
      return inWords(operation)
  }
}

function Fact(props: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{props.label}</dt>
      <dd>{props.children}</dd>
    </div>
  )
}

function EventLink(props: { readonly eventId: string }) {
  const { eventId } = props
  return (
    <Link to="/journeys/$id" params={{ id: eventId }} className="mono" title={eventId}>
      {eventId.slice(0, 8)}…{eventId.slice(-4)}
    </Link>
  )
}

function Items(props: { readonly operation: Operation }) {
  const { operation } = props
  const items = useInfiniteQuery({
    queryKey: ['operations', 'items', operation.id],
    queryFn: ({ pageParam, signal }) => listItems(operation.id, pageParam, signal),
    initialPageParam: null as number | null,
    getNextPageParam: ({ next }) => next,
    refetchInterval: (query) =>
      isOpen(operation) && (query.state.data?.pages.length ?? 1) === 1 ? 2_000 : false,
  })
  // What was still under way when the operation ended is read once more.
  const { refetch } = items
  useEffect(() => {
    if (operation.endedAtMs !== null) void refetch()
  }, [operation.endedAtMs, refetch])
  const shown = items.data?.pages.flatMap((page) => page.items)
  return (
    <section aria-label="Events">
      <h2>What became of each event</h2>
      {items.isError && (
        <ProblemNotice problem={asProblem(items.error)} onRetry={() => void items.refetch()} />
      )}
      {items.isPending && <Skeleton lines={4} label="the events" />}
      {shown !== undefined && shown.length > 0 && <ItemTable items={shown} />}
      {shown?.length === 0 && <p className="eyebrow">No event was part of it.</p>}
      {items.hasNextPage && (
        <Button disabled={items.isFetchingNextPage} onClick={() => void items.fetchNextPage()}>
          More events
        </Button>
      )}
    </section>
  )
}

function ItemTable(props: { readonly items: readonly OperationItem[] }) {
  return (
    <table className="event-table operation-items">
      <caption className="visually-hidden">Events in the order of their turns</caption>
      <thead>
        <tr>
          <th scope="col">Turn</th>
          <th scope="col">Event</th>
          <th scope="col">Outcome</th>
          <th scope="col" className="number">
            Work
          </th>
        </tr>
      </thead>
      <tbody>
        {props.items.map((item) => {
          const { word, tone, means } = itemStates[item.state]
          return (
            <tr key={item.position}>
              <td className="figure">{integer(item.position)}</td>
              <td>
                <Link
                  to="/journeys/$id"
                  params={{ id: item.eventId }}
                  data-row=""
                  className="event-type"
                >
                  {item.eventType}
                </Link>
                <small className="mono">
                  {placeOf(item)}
                  {item.key !== null && ` key ${item.key}`}
                </small>
              </td>
              <td>
                <Chip tone={tone} title={means}>
                  {word}
                </Chip>
                {item.errorClass !== null && <small>{item.errorClass}</small>}
                {item.note !== null && <small>{item.note}</small>}
              </td>
              <td className="number figure">{duration(item.runMs)}</td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

const actWords: Readonly<Record<string, string>> = {
  plan: 'planned it',
  confirm: 'confirmed it',
  pause: 'paused it',
  resume: 'resumed it',
  cancel: 'cancelled it',
  rate: 'changed its rate',
}

function Audit(props: { readonly lines: readonly AuditLine[] }) {
  if (props.lines.length === 0) return null
  return (
    <section aria-label="Audit">
      <h2>Who did what, and why</h2>
      <ol className="operation-audit">
        {props.lines.map((line, index) => (
          <li key={index}>
            <Time atMs={line.atMs} /> <strong>{line.by}</strong>{' '}
            {actWords[line.action] ?? line.action}
            {line.reason !== null && <>: “{line.reason}”</>}
            {line.details !== null && <small>{line.details}</small>}
          </li>
        ))}
      </ol>
    </section>
  )
}
