import { PasswordInput, type PasswordInputProps } from '@mantine/core'

/** A field for a password, which tells screen readers of its error: the component does not. */
export function PasswordField({ error, ...rest }: PasswordInputProps) {
  return <PasswordInput error={error} aria-invalid={error ? true : undefined} {...rest} />
}
