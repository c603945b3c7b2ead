import { defineConfig } from 'drizzle-kit';

export default defineConfig({ dialect: 'sqlite', schema: './src/queue/sqlite/schema.ts', out: './drizzle' });
