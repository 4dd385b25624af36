import { StreamsError } from '../errors.ts'

const form = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/

/** ms of an ISO 8601 duration of days, hours, minutes and seconds: `P1DT2H30M`. @throws StreamsError `MR_STREAMS_BAD_OPTION` */
export function durationMs(text: string): number {
  const parts = form.exec(text)?.slice(1)
  if (!parts || parts.every((part) => part === undefined))
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `The duration is ${text}; it must be days, hours, minutes and seconds, such as P1DT2H30M or PT45S.`,
      { option: 'duration', value: text },
    )
  const [days = '0', hours = '0', minutes = '0', seconds = '0'] = parts
  return Math.round(
    ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1_000,
  )
}
