// Does the tasks of resize.py with sharp. A line of JSON on standard input, then as many
// bytes of picture as it says (0: the last one again); a line of JSON on standard output,
// then the encoded result.
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import path from "node:path";

const require = createRequire(path.resolve(process.argv[2], "package.json"));
const sharp = require("sharp");
sharp.cache(false);
sharp.concurrency(1);

async function run(order, source) {
    const start = performance.now();
    let image = sharp(source).resize(order.w, order.h, {
        fit: order.fit,
        withoutEnlargement: true,
    });
    const options = order.quality === null ? {} : { quality: order.quality };
    if (order.format === "jpeg") options.mozjpeg = order.mozjpeg;
    const data = await image.toFormat(order.format, options).toBuffer();
    return { seconds: (performance.now() - start) / 1000, data };
}

let waiting = Buffer.alloc(0);
let source = null;
let order = null;

for await (const chunk of process.stdin) {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
        if (order === null) {
            const end = waiting.indexOf(10);
            if (end < 0) break;
            order = JSON.parse(waiting.subarray(0, end));
            waiting = waiting.subarray(end + 1);
        }
        if (waiting.length < order.size) break;
        if (order.size > 0) {
            source = Buffer.from(waiting.subarray(0, order.size));
            waiting = waiting.subarray(order.size);
        }
        const { seconds, data } = await run(order, source);
        process.stdout.write(JSON.stringify({ seconds, size: data.length }) + "\n");
        process.stdout.write(data);
        order = null;
    }
}
