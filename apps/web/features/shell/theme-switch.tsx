import { useStore } from '../../lib/store.ts'
import { chooseTheme, type Theme, themes, themeStore } from '../../lib/theme.ts'
import { ChoiceMenu } from '../../ui/choice-menu.tsx'
import { Icon, type IconName } from '../../ui/icon.tsx'

const faces: Readonly<Record<Theme, { readonly label: string; readonly icon: IconName }>> = {
  system: { label: 'As the system', icon: 'screen' },
  light: { label: 'Light', icon: 'sun' },
  dark: { label: 'Dark', icon: 'moon' },
}

export function ThemeSwitch() {
  const theme = useStore(themeStore)
  return (
    <ChoiceMenu
      label={`Theme: ${faces[theme].label}. Change`}
      heading="Theme"
      trigger={<Icon name={faces[theme].icon} />}
      value={theme}
      choices={themes.map((value) => ({ value, label: faces[value].label }))}
      onChoose={(value) => chooseTheme(themes.find((known) => known === value) ?? 'system')}
    />
  )
}
