import { Button, Card, Group, Input, NumberInput, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { newRoute, type RouteValues } from './modelForm'
import { AMOUNT } from './PriceFields'
import { ProviderPicker } from './ProviderPicker'

/** The most routes of a model. */
const MAX_ROUTES = 16

type Props = {
  routes: readonly RouteValues[]
  error?: ReactNode
  onChange: (routes: RouteValues[]) => void
}

/** The routes of a model: which providers answer for it. */
export function RouteFields({ routes, error, onChange }: Props) {
  const change = (at: number, changed: Partial<RouteValues>) =>
    onChange(routes.map((route, index) => (index === at ? { ...route, ...changed } : route)))
  const add = () => onChange([...routes, newRoute(routes.length, routes[0]?.providerId)])
  return (
    <Input.Wrapper
      label="Providers"
      labelElement="div"
      description="Those with a smaller order are tried first; those with the same order share the requests by weight."
      role="group"
      aria-label="Providers"
    >
      <Stack gap="xs" mt="xs">
        {routes.map((route, at) => (
          <Card key={at} withBorder padding="sm" role="group" aria-label={`Route ${at + 1}`}>
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
              <ProviderPicker
                label="Provider"
                placeholder="Choose"
                value={route.providerId}
                onChange={(providerId) => change(at, { providerId })}
              />
              <TextInput
                label="Its name of the model"
                maxLength={200}
                autoCapitalize="none"
                spellCheck={false}
                value={route.upstreamModel}
                onChange={(event) => change(at, { upstreamModel: event.currentTarget.value })}
              />
              {routes.length > 1 && (
                <>
                  <NumberInput
                    label="Order"
                    {...AMOUNT}
                    value={route.order}
                    onChange={(order) => change(at, { order })}
                  />
                  <NumberInput
                    label="Weight"
                    {...AMOUNT}
                    value={route.weight}
                    onChange={(weight) => change(at, { weight })}
                  />
                </>
              )}
            </SimpleGrid>
            {routes.length > 1 && (
              <Button
                mt="xs"
                size="compact-xs"
                variant="default"
                w="fit-content"
                aria-label={`Remove route ${at + 1}`}
                onClick={() => onChange(routes.filter((_, index) => index !== at))}
              >
                Remove
              </Button>
            )}
          </Card>
        ))}
        {error && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {error}
          </Text>
        )}
        <Group>
          <Button size="xs" variant="default" disabled={routes.length >= MAX_ROUTES} onClick={add}>
            Add a route
          </Button>
        </Group>
      </Stack>
    </Input.Wrapper>
  )
}
