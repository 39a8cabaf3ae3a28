# The commands of a newcomer, of a school and of a developer. What each promises: docs/commands.md.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.ONESHELL:

HOST ?= 127.0.0.1
PORT ?= 5000
JOBS ?= 3
export HOST PORT PYTHONUNBUFFERED = 1
# Where it is set, each server, worker and command compiles the program anew: two of its six seconds.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
NOT_SLOW := not slow and not faults and not fuzz

.PHONY: help setup setup-test demo clean-demo run test test-fast test-postgresql test-slow test-faults test-fuzz lint format bench lock verifier clean

help: ## Các lệnh có ở đây
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: ## Cài thư viện hệ thống còn thiếu, .venv và các gói đã ghim
	@scripts/setup

setup-test:
	@scripts/setup test

# The marker stands from before the first row until the sample school is whole: a load that was cut off is begun
# again, while a database that somebody made by hand in that folder is never touched.
demo: setup ## Trường mẫu tại http://127.0.0.1:5000 (PORT, HOST)
	@export HOCBASO_INSTANCE=instance/demo
	marker=instance/demo.loading
	if [ -e "$$marker" ]; then rm -rf instance/demo; fi
	if [ ! -e instance/demo/hocbaso.sqlite ]; then
	    echo '• Tạo trường mẫu trong instance/demo: vài phút, máy chậm đến mười phút'
	    : > "$$marker"
	    $(BIN)/flask demo load
	    rm -f "$$marker"
	else
	    $(BIN)/flask demo accounts
	fi
	echo
	echo '• Mở trang khi có dòng "Sẵn sàng" · dừng máy chủ: Ctrl+C · làm lại từ đầu: make clean-demo'
	exec $(BIN)/flask serve

clean-demo: ## Xoá trường mẫu (không đụng dữ liệu thật)
	@rm -rf instance/demo instance/demo.loading

run: setup ## Máy chủ thật; lần đầu mở trang thiết lập
	@exec $(BIN)/flask serve

# What differs most between the two databases: schema, locks, backups. All of it: make test-postgresql.
POSTGRESQL_PART := tests/models tests/services/test_backups.py tests/services/test_score_entry.py

test: setup-test ## Toàn bộ kiểm thử, kể cả trình duyệt
	@$(PYTEST) -m "$(NOT_SLOW)"
	HOCBASO_TEST_DATABASE=postgresql $(PYTEST) -m "$(NOT_SLOW)" $(POSTGRESQL_PART)

test-postgresql: setup-test ## Toàn bộ kiểm thử trên PostgreSQL
	@HOCBASO_TEST_DATABASE=postgresql $(PYTEST) -m "$(NOT_SLOW)"

test-fast: setup-test ## Kiểm thử không có trình duyệt
	@$(PYTEST) -m "$(NOT_SLOW) and not browser"

test-slow: setup-test ## Mọi cỡ màn hình và màu, cả mùa ký (lâu)
	@$(PYTEST) -m "slow and not faults and not fuzz"

test-faults: setup-test ## Cắt điện, kill -9, đầy đĩa (lâu)
	@$(BIN)/python -m pytest -m faults

test-fuzz: setup-test ## Nhiều nghìn trường hợp ngẫu nhiên (lâu)
	@$(PYTEST) -m fuzz

# Every check runs even when one before it failed: the report is whole, the exit status is not lost.
lint: setup-test ## ruff, kiểu, ranh giới các tầng, mẫu trang
	@failed=""
	check() { echo "── $$1"; shift; "$$@" || failed="$$failed $$1"; }
	check "ruff check" $(BIN)/ruff check .
	check "ruff format" $(BIN)/ruff format --check --output-format=concise .
	check "mypy" $(BIN)/mypy
	check "lint-imports" $(BIN)/lint-imports --no-cache
	check "templates" $(BIN)/python scripts/check_templates.py
	if [ -n "$$failed" ]; then echo "Chưa đạt."; exit 1; fi
	echo "Đạt."

format: setup-test ## Sắp xếp lại mã nguồn bằng ruff
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

verifier: setup-test ## Chương trình kiểm tra học bạ trong một tệp: dist/hocbaso-verify.pyz
	@$(BIN)/python scripts/build_verifier.py dist/hocbaso-verify.pyz

bench: setup-test ## Đo tốc độ, ghi bench/results.json
	@$(BIN)/python -m bench.run

# Needs the registry; run by a developer who changes requirements.in, never by a school.
lock: setup-test ## Ghim lại requirements*.txt từ requirements*.in
	@tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT
	$(BIN)/python -m venv "$$tools/venv"
	"$$tools/venv/bin/pip" install --quiet 'pip-tools>=7.5'
	for name in requirements requirements-dev; do
	    "$$tools/venv/bin/pip-compile" --quiet --generate-hashes --no-header --no-annotate --strip-extras --allow-unsafe \
	        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	        --output-file "$$name.txt" "$$name.in"
	    sed -i "1i # Lock made by \`make lock\` from $$name.in: exact versions and the digests of every file of each. Do not edit by hand.\n" "$$name.txt"
	done

clean: ## Xoá .venv và các thư mục tạm (không đụng instance/)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
