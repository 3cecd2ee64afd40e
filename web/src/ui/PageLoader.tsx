import { Center, Loader } from '@mantine/core'

export function PageLoader({ height = '60dvh' }: { height?: string }) {
  return (
    <Center h={height} role="status" aria-label="Loading">
      <Loader />
    </Center>
  )
}
