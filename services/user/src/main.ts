import { run } from '@collabeditor/kit';
import { definition } from './app.ts';

await run(definition);
