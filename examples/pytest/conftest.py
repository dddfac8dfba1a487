"""A database for each test: one server for all of them, emptied before each.

NACRE names the tool if it is not on the path.
"""

import os
import subprocess

import pytest
import redis


@pytest.fixture(scope="session")
def server_port():
    command = [os.environ.get("NACRE", "nacre"), "serve", "--memory", "--port", "any"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield int(server.stdout.readline())
        server.terminate()


@pytest.fixture
def store(server_port):
    with redis.Redis(port=server_port, decode_responses=True) as client:
        client.flushall()
        yield client
