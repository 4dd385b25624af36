const paths = {
  alert: 'M12 4 21 19.5H3L12 4Zm0 6v4m0 3v.01',
  arrowDown: 'M12 4v15m-6-6 6 6 6-6',
  arrowLeft: 'M20 12H5m6-6-6 6 6 6',
  arrowUp: 'M12 20V5m-6 6 6-6 6 6',
  check: 'm4.5 12.5 5 5 10-11',
  comment: 'M4 5h16v11H11l-5 4v-4H4V5Z',
  cross: 'M6 6l12 12M18 6 6 18',
  dash: 'M6 12h12',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 2.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z',
  follow: 'M5 18.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm2.5-2.5H14a4 4 0 0 0 0-8H9m3-3L9 8l3 3',
  key: 'M4 6h16v12H4V6Zm3 4h.01M11 10h.01M15 10h2M8 14h8',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z',
  pause: 'M8 5v14M16 5v14',
  pencil: 'm4 20 1-4L16.5 4.5l3 3L8 19l-4 1Z',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6.5 9c.5-4 3-6 6.5-6s6 2 6.5 6M16 5a3 3 0 0 1 0 6m2.5 3.5c2 .8 3 2.5 3.3 5.5',
  plus: 'M12 5v14M5 12h14',
  reply: 'M9 7 4 12l5 5m-5-5h9c4 0 6 2 7 6',
  screen: 'M4 5h16v11H4V5Zm5 15h6m-3-4v4',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v2m0 14v2M3 12h2m14 0h2M5.6 5.6l1.4 1.4m10 10 1.4 1.4m0-12.8L17 7M7 17l-1.4 1.4',
  trash: 'M5 7h14M10 7V4.5h4V7m-7 0 .8 13h8.4L17 7m-7 4v5m4-5v5',
  turn: 'M20 12a8 8 0 1 1-2.5-5.8M20 3.5V8h-4.5',
} as const

export type IconName = keyof typeof paths

/** An icon beside a word; it says nothing by itself, so it is hidden from screen readers. */
export function Icon(props: { readonly name: IconName; readonly className?: string }) {
  return (
    <svg
      className={`icon ${props.className ?? ''}`}
      viewBox="0 0 24 24"
      aria-hidden="true"
      focusable="false"
    >
      <IconShape name={props.name} />
    </svg>
  )
}

/** The bare drawing, 24 by 24, for use within another drawing. */
export function IconShape(props: { readonly name: IconName }) {
  return <path className="icon-shape" d={paths[props.name]} />
}
